"""How often the rows of each source are used."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from math import floor

from danlu.data.row import Row
from danlu.errors import DataError
from danlu.recipe.data import Source


def draw(seed: int, row_id: str) -> str:
    """A row's place in a lottery that depends on its id alone: other rows do not change it."""
    return hashlib.sha256(f"{seed}\0{row_id}".encode()).hexdigest()


def lottery(rows: Iterable[Row], count: int, seed: int) -> list[Row]:
    """`count` rows, or all where there are fewer, in the order in which they are drawn."""
    return sorted(rows, key=lambda row: draw(seed, row.row_id))[:count]


def uses(rows: Sequence[Row], sources: Sequence[Source], seed: int) -> dict[str, int]:
    """row_id → times it is used: each its source's share, the fraction by lot. 2.5 is twice each, and a half again.

    Raises DataError for a share so small that it leaves no row of a source that has some.
    """
    times: dict[str, int] = {}
    for source in sources:
        own = [row for row in rows if row.source == source.name]
        whole = floor(source.share)
        extra = round((source.share - whole) * len(own))
        if own and not whole and not extra:
            raise DataError(f"data.sources.{source.name}: share {source.share:g} of {len(own)} rows is none. Raise it.")
        drawn = {row.row_id for row in lottery(own, extra, seed)}
        times |= {row.row_id: whole + (row.row_id in drawn) for row in own}
    return times
