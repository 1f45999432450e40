"""Set phrases: a team's replies repeat them by intent, and the usual rules would take them for copies."""

from __future__ import annotations

from collections.abc import Sequence

from danlu.data.deduplicate import Copies
from danlu.data.row import Row
from danlu.data.split import group_rows
from danlu.data.wording import spoken, whole
from danlu.recipe import Deduplicate
from danlu.text.overlap import OverlapIndex

_NGRAMS = (13, 25, 50)
_THRESHOLDS = (0.8, 0.9, 0.95, 1.0)
_LOST = 0.02  # share of the training rows that a rule may take for their phrases alone


def shared_run(train: Sequence[Row], held_out: Sequence[Row]) -> tuple[int, int]:
    """(words in a row that shall count as a copy of a held-out item, training rows that share so many).

    The usual 13, or more where that would take more than 2% of the rows: those that ask the same stand on one side
    already.
    """
    items = {row.row_id: spoken(row) for row in held_out}
    shared = 0
    for n in _NGRAMS:
        index = OverlapIndex(items, n)
        shared = sum(1 for row in train if index.find(whole(row)) is not None)
        if shared <= _LOST * len(train):
            return n, shared
    return _NGRAMS[-1], shared


def copy_threshold(train: Sequence[Row]) -> tuple[float, frozenset[str]]:
    """(similarity at which two rows shall be copies, ids of the rows that are then removed).

    The usual 0.8, or more where that would remove more than 2% of the rows although they ask something else.
    """
    group_of = dict(zip([row.row_id for row in train], group_rows(train), strict=True))
    removed: frozenset[str] = frozenset()
    for threshold in _THRESHOLDS:
        judge = Copies(Deduplicate(threshold=threshold))
        found = [(row.row_id, removal.copy_of) for row in train if (removal := judge(row)) is not None]
        removed = frozenset(row_id for row_id, _ in found)
        others = sum(1 for row_id, kept in found if kept is not None and group_of[row_id] != group_of[kept])
        if others <= _LOST * len(train):
            return threshold, removed
    return _THRESHOLDS[-1], removed
