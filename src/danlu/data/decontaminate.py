"""Rows that hold an evaluation item are removed, or the build refuses (number 14): a learnt answer proves nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from danlu.data.decisions import Removal
from danlu.data.row import Row
from danlu.data.wording import whole
from danlu.errors import Waivers
from danlu.recipe.data import Decontaminate
from danlu.text.overlap import OverlapIndex


class Contamination:
    """Judges each row by the word n-grams that it shares with an evaluation item."""

    def __init__(self, items: Mapping[str, str], settings: Decontaminate) -> None:
        self._index = OverlapIndex(items, settings.ngram)
        self._num_items = len(items)
        self._settings = settings
        self._kept: list[str] = []
        self._first = ""

    def __call__(self, row: Row) -> Removal | None:
        """Remove a row that overlaps an item; where the recipe says `refuse`, remember it for `refuse_found`."""
        hit = self._index.find(whole(row))
        if hit is None:
            return None
        item, passage = hit
        if self._settings.action == "drop":
            return Removal("holds an evaluation item", f"{item}: {passage}")
        self._first = self._first or f'{row.where} holds {item}: "{passage}"'
        self._kept.append(row.row_id)
        return None

    def refuse_found(self, waivers: Waivers) -> None:
        """Refusal 14, unless accepted, when rows were remembered."""
        if self._kept:
            rows = f"{len(self._kept)} {'row holds' if len(self._kept) == 1 else 'rows hold'}"
            waivers.refuse(
                14,
                f"{rows} an evaluation item, and data.decontaminate.action is refuse. The first: {self._first}. "
                "Remove such rows, or set action: drop.",
            )

    def described(self) -> dict[str, Any]:
        """For the card: items looked for, those too short to be recognised, and contaminated rows that were kept."""
        return {"items": self._num_items, "unchecked": list(self._index.unchecked), "kept": list(self._kept)}


def refuse_unchecked(waivers: Waivers) -> None:
    """Refusal 14, unless accepted, for a recipe that switches the check off."""
    waivers.refuse(
        14,
        "data.decontaminate.enabled is false, so nothing would tell whether evaluation items are in the training "
        "data. Set it to true.",
    )
