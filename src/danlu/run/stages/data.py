"""The stage `data`: from sources to packed tokens that hold none of the evaluation's items."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from danlu.artefact import hash_file, read_json
from danlu.data.pipeline import build
from danlu.evaluation.items import overlap_texts
from danlu.recipe import FileSource
from danlu.run.stage import Context, Stage
from danlu.run.stages.base import renderer

_WAIVABLE = (14, 16)


def _facts(context: Context) -> dict[str, Any]:
    data = context.recipe.data
    written = data.model_dump(mode="json")
    for source in written["sources"]:
        for key in ("path", "held_out"):
            source.pop(key, None)
    files = {s.name: hash_file(Path(s.path)) for s in data.sources if isinstance(s, FileSource)}
    return {
        "recipe": written,
        "files": files,
        "base": context.outputs["base"],
        "items": context.outputs["items"],
        "accepted": [number for number in _WAIVABLE if number in context.waivers.reasons],
    }


def _build(context: Context, folder: Path) -> None:
    build(
        context.recipe.data,
        folder,
        renderer=renderer(context),
        items=overlap_texts(context.of("items")),
        root=Path(),
        waivers=context.waivers,
        emit=context.emit,
    )


def _output(folder: Path) -> str:
    return str(read_json(folder / "card.json")["output_sha256"])


STAGE = Stage("data", __name__, _facts, _build, _output, libraries=("tokenizers",))
