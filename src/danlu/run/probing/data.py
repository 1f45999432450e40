"""The data of a probe: all of a small recipe's, a share of a large one's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from danlu import data
from danlu.artefact import read_json, write_jsonl
from danlu.compute.local.probe import Counted
from danlu.data.row import Row
from danlu.data.sources import read_source
from danlu.recipe import FileSource, GeneratedSource, Recipe
from danlu.run.counting import unshared
from danlu.run.stage import Context
from danlu.run.stages.base import renderer
from danlu.tokens import Shards

_ROWS = 3000  # more are not built for a probe


def thinned(recipe: Recipe, context: Context) -> tuple[Recipe, float]:
    """The recipe with at most 3,000 rows or so, and how many times as many it has."""
    sampled = data.estimate(recipe.data, renderer=renderer(context), root=Path())
    factor = sum(source.rows for source in sampled.values()) / _ROWS
    if factor <= 1:
        return recipe, 1.0
    written = recipe.model_dump(mode="json")
    for source, described in zip(recipe.data.sources, written["data"]["sources"], strict=True):
        if isinstance(source, GeneratedSource):
            described["rows"] = max(1, round(source.rows / factor))
        elif isinstance(source, FileSource):
            path = context.folder.parent / f"{len(list(context.folder.parent.glob('*.jsonl')))}.jsonl"
            write_jsonl(path, map(_plain, _every(read_source(source, recipe.data, Path()), factor)))
            described["path"] = str(path)
    return Recipe.model_validate(written), factor


def counted(context: Context, factor: float) -> Counted:
    """The data that the stage `data` built, times what was left out of it."""
    shards, card = Shards(context.of("data")), read_json(context.of("data") / "card.json")
    packs = [[document.ids for document in shards.pack(number)] for number in range(len(shards))]
    lengths = np.array([len(ids) for documents in packs for ids in documents], float)
    return Counted(
        rows=round(factor * sum(source["rows_in"] for source in card["sources"])),
        tokens=factor * shards.manifest["num_tokens"],
        supervised=factor * shards.manifest["num_supervised_tokens"],
        unshared=unshared(packs, context.recipe.training),
        document=float((lengths**2).sum() / lengths.sum()),
        pack=float(lengths.sum() / len(packs)),
    )


def _every(rows: Iterator[Row], factor: float) -> Iterator[Row]:
    """Evenly, one of so many."""
    for number, row in enumerate(rows):
        if int(number / factor) != int((number - 1) / factor) or number == 0:
            yield row


def _plain(row: Row) -> dict[str, Any]:
    if row.text is not None:
        return {"text": row.text}
    return {"messages": list(row.messages), **({"tools": list(row.tools)} if row.tools else {})}
