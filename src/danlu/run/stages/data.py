"""The stage `data`: from sources to packed tokens that hold none of the evaluation's items."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from danlu.artefact import hash_file, read_json, write_json
from danlu.data import build, tutor
from danlu.evaluation import overlap_texts, read_items
from danlu.recipe import FileSource, GeneratedSource, TutorScenario
from danlu.run.fresh import held_out
from danlu.run.stage import Context, Stage
from danlu.run.stages.base import renderer

_WAIVABLE = (14, 16)
DIVERSITY = "diversity.json"
"""How varied generated dialogues are, and how near each held-out item's nearest is."""


def _facts(context: Context) -> dict[str, Any]:
    data = context.recipe.data
    written = data.model_dump(mode="json")
    for source in written["sources"]:
        for key in ("path", "held_out"):
            source.pop(key, None)
    files = {s.name: list(_contents(s)) for s in data.sources if isinstance(s, FileSource)}
    return {
        "recipe": written,
        "files": files,
        "base": context.outputs["base"],
        "items": context.outputs["items"],
        "accepted": [number for number in _WAIVABLE if number in context.waivers.reasons],
    }


def _contents(source: FileSource) -> Iterator[str | None]:
    """Names count by their ending alone, from which a format is told."""
    for path in (source.path, source.held_out):
        yield None if path is None else Path(path).suffix
        yield None if path is None else hash_file(Path(path))


def _build(context: Context, folder: Path) -> None:
    build(
        context.recipe.data,
        folder,
        renderer=renderer(context),
        items=overlap_texts(context.of("items")),
        root=Path(),
        left_out={row.row_id for row in held_out(context.recipe, Path())},
        waivers=context.waivers,
        emit=context.emit,
    )
    if (found := list(_tutors(context))) and isinstance(context.recipe.evaluation.scenario, TutorScenario):
        rows = [row for source in found for row in tutor.rows(source.rows, source.seed, source.name)]
        write_json(folder / DIVERSITY, tutor.diversity(rows, read_items(context.of("items"), "scenario")))


def _tutors(context: Context) -> Iterator[GeneratedSource]:
    for source in context.recipe.data.sources:
        if isinstance(source, GeneratedSource) and source.generator == "tutor":
            yield source


def _output(folder: Path) -> str:
    return str(read_json(folder / "card.json")["output_sha256"])


STAGE = Stage("data", __name__, _facts, _build, _output, libraries=("tokenizers",))
