"""The stage `evaluate`: the same questions to base and tuned model, compared item by item.

The base's answers are an entry of their own in the store: runs that differ in data or training ask it only once.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Literal

from danlu.artefact import hash_file, write_json
from danlu.evaluation import compare
from danlu.run.fingerprint import code_fingerprint, library_versions
from danlu.run.machine import prepare_torch
from danlu.run.measure import Meter
from danlu.run.stage import Context, Stage
from danlu.run.stages.base import resolved

_LIBRARIES = ("torch", "tokenizers")


def _facts(context: Context) -> dict[str, Any]:
    return {**_asked(context), "data": context.outputs["data"], "train": context.outputs["train"]}


def _asked(context: Context) -> dict[str, Any]:
    """What the base's answers depend on."""
    evaluation = context.recipe.evaluation
    written = evaluation.model_dump(mode="json")
    for key in ("path", "gsm8k"):
        written["scenario"].pop(key, None)
    return {
        "recipe": written,
        "base": context.outputs["base"],
        "items": context.outputs["items"],
        "precision": context.recipe.training.precision,
        "hardware": context.recipe.hardware,
        "threads": context.recipe.threads,
    }


def _build(context: Context, folder: Path) -> None:
    facts = {
        **_asked(context),
        "code": code_fingerprint(__name__),
        "libraries": library_versions(*_LIBRARIES),
    }
    entry = context.store.entry("answers", facts)
    if entry.is_whole:
        context.emit("reused", {"what": "the base's answers"})

    def ask_base(part: Path, meter: Meter) -> None:  # noqa: ARG001  the stage's own meter counts
        _ask(context, resolved(context).folder, part, "base")

    context.store.build(entry, facts, ask_base, resume=True)
    if not (folder / "base").is_dir():
        fresh = folder / ".base"
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(entry.folder, fresh, ignore=shutil.ignore_patterns(".*"))
        fresh.rename(folder / "base")
    _ask(context, context.of("train") / "model", folder / "tuned", "tuned")
    compared = compare(context.recipe.evaluation, context.of("items"), folder / "base", folder / "tuned")
    write_json(folder / "evaluation.json", compared)


def _ask(context: Context, model: Path, out: Path, arm: Literal["base", "tuned"]) -> None:
    from danlu.evaluation import answer
    from danlu.generation import Engine, LocalChat
    from danlu.tokens import Renderer

    assert context.recipe.threads is not None, "a settled recipe names its threads"
    prepare_torch(context.recipe.threads)
    out.mkdir(exist_ok=True)
    renderer = Renderer.from_folder(model)
    engine = Engine.from_folder(
        model, batch=context.recipe.evaluation.batch, precision=context.recipe.training.precision
    )
    answer(
        context.recipe.evaluation,
        context.of("items"),
        out,
        chat=LocalChat(engine, renderer),
        generator=engine,
        renderer=renderer,
        arm=arm,
        emit=context.emit,
    )


def _output(folder: Path) -> str:
    return hash_file(folder / "evaluation.json")


STAGE = Stage("evaluate", __name__, _facts, _build, _output, resumes=True, libraries=_LIBRARIES)
