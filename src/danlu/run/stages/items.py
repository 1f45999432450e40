"""The stage `items`: what the evaluation will ask, written before the data so that the data can avoid it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from danlu.artefact import hash_file, hash_folder
from danlu.data import general, tutor
from danlu.data.formats import read
from danlu.evaluation.items import write_items
from danlu.hub import cache_folder, fetch_wheel, parse
from danlu.recipe import Evaluation, HeldOutScenario, Recipe, TextScenario, TutorScenario
from danlu.run.fresh import held_out, text_facts
from danlu.run.stage import Context, Stage

_GENERAL_TEXTS = 60


def _facts(context: Context) -> dict[str, Any]:
    evaluation = context.recipe.evaluation
    scenario = evaluation.scenario
    if isinstance(scenario, TextScenario):
        return {"recipe": _asked(evaluation), "text": text_facts(context.recipe)}
    path = scenario.path if isinstance(scenario, HeldOutScenario) else scenario.gsm8k
    return {
        "recipe": _asked(evaluation),
        "file": None if path is None else hash_file(Path(path)),
    }


def _asked(evaluation: Evaluation) -> dict[str, Any]:
    """The keys that decide on the items; how they are answered and judged is the evaluation's."""
    return evaluation.model_dump(
        mode="json",
        exclude={"batch": True, "scenario": {"path", "gsm8k", "max_new_tokens", "few_shot"}},
    )


def _build(context: Context, folder: Path) -> None:
    evaluation = context.recipe.evaluation
    manifest = write_items(
        evaluation,
        folder,
        scenario=list(_scenario(context.recipe)),
        few_shot={"messages": tutor.few_shot()} if isinstance(evaluation.scenario, TutorScenario) else None,
        wheel=_wheel(context),
        general_texts=general.texts(_GENERAL_TEXTS, 0),
    )
    for row in manifest["detectable"]:
        context.emit("detectable", row)


def _scenario(recipe: Recipe) -> Iterator[Mapping[str, Any]]:
    scenario = recipe.evaluation.scenario
    if isinstance(scenario, TextScenario):
        for row in held_out(recipe, Path()):
            yield {"item_id": row.row_id, "cluster": row.row_id, "text": row.text}
        return
    if isinstance(scenario, TutorScenario):
        yield from tutor.held_out(scenario.problems, scenario.seed)
        if scenario.gsm8k is not None:
            yield from tutor.gsm8k(Path(scenario.gsm8k), scenario.gsm8k_problems, scenario.seed)
        return
    for row in read(Path(scenario.path), "auto", "held-out"):
        said: dict[str, Any] = {"text": row.text} if row.text is not None else {"messages": list(row.messages)}
        yield {
            "item_id": row.row_id,
            "cluster": row.row_id,
            **said,
            **({"tools": list(row.tools)} if row.tools else {}),
        }


def _wheel(context: Context) -> Path | None:
    guard = context.recipe.evaluation.guard
    if guard is None or not set(guard.tasks) - {"general-text"}:
        return None
    locator = parse(guard.source)
    return fetch_wheel(locator.name, locator.version, guard.sha256, cache_folder(), context.emit).folder


STAGE = Stage("items", __name__, _facts, _build, hash_folder)
