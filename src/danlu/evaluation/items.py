"""The items of an evaluation as files: written once, before the data, and the same for every arm.

A folder: scenario.jsonl, few_shot.json, a JSONL for each guard task, and manifest.json, written last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from danlu.artefact import hash_file, read_jsonl, write_json, write_jsonl
from danlu.errors import DataError
from danlu.evaluation import choice, power
from danlu.evaluation.row import BITS_PER_BYTE
from danlu.recipe.evaluation import Evaluation, Guard, HeldOutScenario, TextScenario

SCHEMA = "danlu/items-1"
SCENARIO = "scenario"
FEW_SHOT_FILE = "few_shot.json"
GENERAL_TEXT = "general-text"
Item = Mapping[str, Any]


def write_items(
    evaluation: Evaluation,
    folder: Path,
    *,
    scenario: Sequence[Item],
    few_shot: Mapping[str, Any] | None,
    wheel: Path | None,
    general_texts: Sequence[Item],
) -> dict[str, Any]:
    """Write the items; returns the manifest: tasks, and what the evaluation will be able to see.

    few_shot: {"messages": …}, worked examples for the base's best prompt. wheel: the unpacked wheel of the guard's
    multiple-choice tasks, if it has any. Raises DataError for an item that cannot be asked.
    """
    folder.mkdir(parents=True, exist_ok=True)
    guard = evaluation.guard
    tasks: dict[str, list[Item]] = {SCENARIO: list(scenario)}
    if few_shot is not None:
        write_json(folder / FEW_SHOT_FILE, few_shot)
    if guard is not None:
        tasks |= {name: _guard_items(guard, name, wheel, general_texts) for name in guard.tasks}
    for name, items in tasks.items():
        _check(name, items)
        write_jsonl(folder / f"{name}.jsonl", items)
    manifest = {
        "schema": SCHEMA,
        "tasks": [_describe(folder, name, items) for name, items in tasks.items()],
        "detectable": [*_scenario_power(evaluation, tasks[SCENARIO]), *_guard_power(guard, tasks)],
    }
    write_json(folder / "manifest.json", manifest)
    return manifest


def _guard_items(guard: Guard, name: str, wheel: Path | None, general_texts: Sequence[Item]) -> list[Item]:
    if name == GENERAL_TEXT:
        return list(general_texts)
    assert wheel is not None, "a multiple-choice task needs the wheel of its items"
    return list(choice.sample(wheel, name, guard.items, guard.seed))


def read_items(folder: Path, task: str) -> list[dict[str, Any]]:
    """The items of one task, in the order in which they are asked."""
    return [item for _, item in read_jsonl(folder / f"{task}.jsonl")]


def overlap_texts(folder: Path) -> dict[str, str]:
    """item_id → the text that training data must not hold. System prompts do not count: every row may share them."""
    texts: dict[str, str] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for _, item in read_jsonl(path):
            texts[item["item_id"]] = _overlap_text(item)
    return texts


def _overlap_text(item: Item) -> str:
    if "problem" in item:
        return str(item["problem"])
    if "text" in item:
        return str(item["text"])
    said = [m["content"] for m in item["messages"] if m["role"] not in ("system", "developer")]
    return "\n".join(text for text in said if isinstance(text, str))


def clusters_of(items: Sequence[Item]) -> int:
    """Number of clusters."""
    return len({item["cluster"] for item in items})


def _check(name: str, items: Sequence[Item]) -> None:
    if not items:
        raise DataError(f"evaluation: {name} has no items, so there is nothing to compare on.")
    seen: set[str] = set()
    for item in items:
        if item["item_id"] in seen:
            raise DataError(f"evaluation: two items of {name} are called {item['item_id']}.")
        seen.add(item["item_id"])
        messages = item.get("messages")
        if messages is not None and messages[-1]["role"] != "assistant":
            raise DataError(
                f"evaluation: held-out row {item['item_id']} ends with a {messages[-1]['role']} turn, but needs the "
                "reference reply at its end. Remove the row, or add the reply."
            )


def _describe(folder: Path, name: str, items: Sequence[Item]) -> dict[str, Any]:
    licence = choice.TASKS[name].licence if name in choice.TASKS else "own"
    sha256 = hash_file(folder / f"{name}.jsonl")
    return {"name": name, "n": len(items), "clusters": clusters_of(items), "licence": licence, "sha256": sha256}


def _scenario_power(evaluation: Evaluation, items: Sequence[Item]) -> Iterator[dict[str, Any]]:
    if isinstance(evaluation.scenario, HeldOutScenario):
        yield power.foresee("held_out_loss", len(items), clusters_of(items), power.REFERENCE_LOSS)
        return
    if isinstance(evaluation.scenario, TextScenario):
        yield power.foresee(BITS_PER_BYTE, len(items), clusters_of(items), power.TEXT_BITS)
        return
    for metric, own in primary_sets(items).items():
        yield power.foresee(metric, len(own), clusters_of(own), power.REPLIES)


def _guard_power(guard: Guard | None, tasks: Mapping[str, Sequence[Item]]) -> Iterator[dict[str, Any]]:
    if guard is None:
        return
    choices = [item for name in guard.tasks if name != GENERAL_TEXT for item in tasks[name]]
    if choices:
        yield power.foresee("accuracy", len(choices), clusters_of(choices), power.CHOICES, guard.margin)
    if GENERAL_TEXT in guard.tasks:
        texts = tasks[GENERAL_TEXT]
        yield power.foresee("general_text_loss", len(texts), clusters_of(texts), power.TEXT_LOSS, guard.loss_margin)


def primary_sets(items: Sequence[Item]) -> dict[str, list[Item]]:
    """Scenario items by the metric that sums them up: `success`, and one more for each other hand's problems.

    An item_id begins with the name of its set ("gsm8k:12"); the set of the first item is the scenario's own, on
    which the verdict rests.
    """
    sets: dict[str, list[Item]] = {}
    for item in items:
        sets.setdefault(item["item_id"].partition(":")[0], []).append(item)
    own = next(iter(sets), None)
    return {"success" if name == own else f"{name}_success": found for name, found in sets.items()}
