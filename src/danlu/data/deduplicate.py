"""Copies and near-copies: the first is kept, the others are removed and named after it.

Source: Lee et al. 2022, arXiv 2107.06499. Unlike there, copies of copies are not joined into one group: each row that
is removed is alike to a row that is kept, so that a chain of small changes does not swallow what stands at its end.
"""

from __future__ import annotations

from danlu.artefact import hash_value
from danlu.data.decisions import Removal
from danlu.data.row import Row
from danlu.data.wording import spoken
from danlu.recipe.data import Deduplicate
from danlu.text.minhash import NearCopies
from danlu.text.words import words


class Copies:
    """Judges each row against those it let pass before."""

    def __init__(self, settings: Deduplicate) -> None:
        self._near = NearCopies(ngram=settings.ngram, permutations=settings.permutations, threshold=settings.threshold)
        self._exact: dict[str, str] = {}
        self._kept: list[str] = []

    def __call__(self, row: Row) -> Removal | None:
        """Remove a row that says the same as an earlier one, or almost; system prompts do not count for `almost`."""
        first = self._exact.setdefault(hash_value([row.messages, row.tools, row.text]), row.row_id)
        if first != row.row_id:
            return Removal("copy", first, first)
        number = self._near.find_or_add(words(spoken(row)))
        if number is None:
            self._kept.append(row.row_id)
            return None
        first = self._kept[number]
        return Removal("near-copy", first, first)
