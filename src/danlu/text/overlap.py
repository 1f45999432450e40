"""Whether a text holds a passage of another, word for word. Source: Brown et al. 2020, arXiv 2005.14165, appendix C."""

from __future__ import annotations

from collections.abc import Mapping

from danlu.text.words import ngrams, words

_WHOLE = 8  # words: a shorter text is too common a phrase to be recognised by


class OverlapIndex:
    """The word n-grams of known texts, to find them in others.

    A text shorter than n words counts as one whole passage if it has at least 8; those still shorter cannot be
    recognised and are named by `unchecked`.
    """

    def __init__(self, texts: Mapping[str, str], n: int) -> None:
        self._owners: dict[int, dict[tuple[str, ...], str]] = {}
        unchecked = []
        for name, text in texts.items():
            tokens = words(text)
            length = min(n, len(tokens))
            if length < min(n, _WHOLE):
                unchecked.append(name)
                continue
            owners = self._owners.setdefault(length, {})
            for passage in ngrams(tokens, length):
                owners.setdefault(passage, name)
        self.unchecked = tuple(unchecked)

    def find(self, text: str) -> tuple[str, str] | None:
        """(name of the text it overlaps, the words they share), or None."""
        tokens = words(text)
        for length, owners in sorted(self._owners.items(), reverse=True):
            for passage in ngrams(tokens, length):
                if passage in owners:
                    return owners[passage], " ".join(passage)
        return None
