"""Simple quality rules. Source of the repetition rule: Rae et al. 2021 (Gopher), arXiv 2112.11446, appendix A."""

from __future__ import annotations

from collections import Counter

from danlu.data.decisions import Removal
from danlu.data.row import Row
from danlu.data.wording import replies, whole
from danlu.recipe.data import Filter
from danlu.text.words import ngrams, words

_NGRAM = 4
_LEAST_WORDS = 2 * _NGRAM  # "Yes. Yes." repeats by nature


def judge(row: Row, rules: Filter) -> Removal | None:
    """Remove a row whose replies say too little, that is too long, or in which one text repeats itself."""
    said = replies(row)
    size = sum(len(reply.strip()) for reply in said)
    if row.text is None and size < rules.min_reply_characters:
        return Removal("short replies", f"{size} characters")
    length = len(whole(row))
    if length > rules.max_characters:
        return Removal("too many characters", str(length))
    most = max(map(repetition, said), default=0.0)
    if most > rules.max_repetition:
        return Removal("repetition", f"{most:.0%}")
    return None


def repetition(text: str) -> float:
    """Largest share of a text that its most repeated line, or its most repeated word 4-gram, covers.

    0 where nothing repeats or there are fewer than 8 words.
    """
    tokens = words(text)
    if len(tokens) < _LEAST_WORDS:
        return 0.0
    return max(_line_share(text), _ngram_share(tokens))


def _line_share(text: str) -> float:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    counts = Counter(lines)
    most = max((count * len(line) for line, count in counts.items() if count > 1), default=0)
    return most / sum(map(len, lines))


def _ngram_share(tokens: list[str]) -> float:
    """Share of the characters of all words that stand in an occurrence of the most repeated 4-gram."""
    found = list(ngrams(tokens, _NGRAM))
    gram, count = Counter(found).most_common(1)[0]
    if count == 1:
        return 0.0
    covered = {start + k for start, other in enumerate(found) if other == gram for k in range(_NGRAM)}
    return sum(len(tokens[i]) for i in covered) / sum(map(len, tokens))
