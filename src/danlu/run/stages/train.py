"""The stage `train`: the recipe's algorithm on the packed tokens, in as many processes here as the recipe has ranks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from danlu.artefact import read_json
from danlu.compiler import version
from danlu.run.fingerprint import code_fingerprint
from danlu.run.machine import prepare_torch
from danlu.run.stage import Context, Stage
from danlu.run.stages.base import renderer, resolved


def _facts(context: Context) -> dict[str, Any]:
    """The last bit of a result depends on the machine, its threads, ranks and compiler, so all belong to the key."""
    return {
        "recipe": context.recipe.training.model_dump(mode="json"),
        "base": context.outputs["base"],
        "data": context.outputs["data"],
        "hardware": context.recipe.hardware,
        "threads": context.recipe.threads,
        "ranks": context.recipe.ranks,
        "compiler": version(),
    }


def _build(context: Context, folder: Path) -> None:
    from danlu.training import Circumstances, carry_out

    assert context.recipe.threads is not None, "a settled recipe names its threads"
    prepare_torch(context.recipe.threads // context.recipe.ranks)
    base = resolved(context)
    carry_out(
        context.recipe.training,
        base,
        context.of("data"),
        folder,
        Circumstances(code_fingerprint("danlu.training"), renderer(context).template_sha256, context.recipe.ranks),
        waivers=context.waivers,
        emit=context.emit,
    )


def _output(folder: Path) -> str:
    return str(read_json(folder / "train.json")["weights_sha256"])


STAGE = Stage("train", __name__, _facts, _build, _output, resumes=True, adopts=True, libraries=("torch", "safetensors"))
