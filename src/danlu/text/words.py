"""Words and n-grams: the one normalisation that deduplication, decontamination and diversity share."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

# Han, kana, Thai and Lao put no spaces between words: there each character counts as one.
_UNSPACED = r"\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")


def words(text: str) -> list[str]:
    """Lower-case runs of letters and digits; punctuation and spacing do not count."""
    return _WORD.findall(text.lower())


def ngrams(tokens: Sequence[str], n: int) -> Iterator[tuple[str, ...]]:
    """Each run of `n` neighbours, in order; none where there are fewer than `n`."""
    return (tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))
