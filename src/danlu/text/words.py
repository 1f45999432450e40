"""Words and n-grams: the one normalisation that deduplication, decontamination and diversity share."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_WORD = re.compile(r"[^\W_]+", re.UNICODE)


def words(text: str) -> list[str]:
    """Lower-case runs of letters and digits; punctuation and spacing do not count."""
    return _WORD.findall(text.lower())


def ngrams(tokens: Sequence[str], n: int) -> Iterator[tuple[str, ...]]:
    """Each run of `n` neighbours, in order; none where there are fewer than `n`."""
    return (tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))
