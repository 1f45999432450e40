"""The stage `evaluate`: the same questions to base and tuned model, compared item by item.

The base's answers are an entry of their own in the store: runs that differ in data or training ask it only once. A
fresh base is not asked: baselines that read the same training documents are, an entry of their own too.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from danlu.artefact import hash_file, write_json
from danlu.compiler import version
from danlu.data.sources import read_source
from danlu.evaluation import compare, compare_with_baselines, measure_baselines
from danlu.recipe import FreshBase
from danlu.run.fingerprint import code_fingerprint, library_versions
from danlu.run.machine import prepare_torch
from danlu.run.measure import Meter, lend
from danlu.run.stage import Context, Stage
from danlu.run.stages.base import renderer_of, resolved
from danlu.tokens import Shards

_LIBRARIES = ("torch", "tokenizers")
_ENTRIES = {"base": "answers", "baselines": "baselines"}  # folder here → name in the store


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
        "compiler": version(),
    }


def _build(context: Context, folder: Path) -> None:
    items, tuned = context.of("items"), folder / "tuned"
    is_fresh = isinstance(context.recipe.base, FreshBase)
    if is_fresh:
        facts = {"data": context.outputs["data"], "items": context.outputs["items"]}
        _once(context, facts, _baselines, folder / "baselines")
    else:
        _once(context, _asked(context), _ask_base, folder / "base")
    _ask(context, context.of("train") / "model", tuned, "tuned")
    if is_fresh:
        compared = compare_with_baselines(items, folder / "baselines", tuned)
    else:
        compared = compare(context.recipe.evaluation, items, folder / "base", tuned)
    write_json(folder / "evaluation.json", compared)


def _once(
    context: Context, depends_on: Mapping[str, Any], answer: Callable[[Context, Path], None], folder: Path
) -> None:
    """Copy to `folder` what other runs with the same facts have answered already, or have it answered now."""
    facts = {**depends_on, "code": code_fingerprint(__name__), "libraries": library_versions(*_LIBRARIES)}
    entry = context.store.entry(_ENTRIES[folder.name], facts)
    if entry.is_whole and not folder.is_dir():
        lend(folder.parent, entry.folder)
        context.emit("reused", {"what": f"the {folder.name}'s answers" if folder.name == "base" else folder.name})

    def work(part: Path, meter: Meter) -> None:  # noqa: ARG001  the stage's own meter counts
        answer(context, part)

    context.store.build(entry, facts, work, resume=True)
    if not folder.is_dir():
        fresh = folder.with_name(f".{folder.name}")
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(entry.folder, fresh, ignore=shutil.ignore_patterns(".*"))
        fresh.rename(folder)


def _ask_base(context: Context, part: Path) -> None:
    _ask(context, resolved(context).folder, part, "base")


def _baselines(context: Context, part: Path) -> None:
    measure_baselines(context.of("items"), part, list(_trained_on(context)), context.emit)


def _trained_on(context: Context) -> Iterator[str]:
    """The whole text of each row that was left to train on, once; what training saw of it may be cut into parts."""
    kept = {document.row_id for document in Shards(context.of("data")).documents()}
    data = context.recipe.data
    for source in data.sources:
        for row in read_source(source, data, Path()):
            if row.text is not None and row.row_id in kept:
                yield row.text


def _ask(context: Context, model: Path, out: Path, arm: Literal["base", "tuned"]) -> None:
    from danlu.evaluation import answer
    from danlu.generation import Engine, LocalChat

    assert context.recipe.threads is not None, "a settled recipe names its threads"
    prepare_torch(context.recipe.threads)
    out.mkdir(exist_ok=True)
    renderer = renderer_of(model, context.recipe.data.form)
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
