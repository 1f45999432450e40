"""Documents of plain text that are held out: the one split that tokenizer, items and training data obey."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from danlu.data.clean import clean
from danlu.data.filter import judge
from danlu.data.row import Row
from danlu.data.sources import read_source
from danlu.data.split import group_rows, split_by_group
from danlu.recipe.data import Data


def held_out_texts(data: Data, share: float, most: int, seed: int, root: Path) -> list[Row]:
    """The documents of a `form: text` recipe that no training may see.

    Whole documents (data/documents.py says what one is), and near-copies on one side only: about `share` of all, 8 at
    least and `most` at most. Sources that are marked `replay` keep all of theirs. root: where relative paths start.
    Raises DataError for fewer than 20 documents that differ, and what reading the sources raises.
    """
    asked = [source for source in data.sources if not source.replay]
    rows = [row for source in asked for row in read_source(source, data, root) if _stays(row, data)]
    _, held = split_by_group(rows, share, seed, groups=group_rows(rows), most=most)
    return held


def training_texts(data: Data, held_out: Sequence[Row], root: Path) -> Iterator[Row]:
    """Every document but those held out and those that are broken: what a tokenizer is trained on."""
    left_out = {row.row_id for row in held_out}
    for source in data.sources:
        for row in read_source(source, data, root):
            if row.row_id not in left_out and _stays(row, data):
                yield row


def _stays(row: Row, data: Data) -> bool:
    """What the data stage would remove as broken or repetitive proves nothing as an item either."""
    return clean(row) is None and judge(row, data.filter) is None
