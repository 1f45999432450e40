"""Keys that are known but that the chosen settings never read (refusal 12): better said than ignored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from danlu.recipe.base import OpenBase
from danlu.recipe.data import FileSource
from danlu.recipe.recipe import Recipe

Place = tuple[str | int, ...]


def unread(recipe: Recipe, written: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """(place, reason) for each key that was written though nothing will read it."""
    for place, reason in _rules(recipe):
        if _is_written(written, place):
            yield place, reason


def _rules(recipe: Recipe) -> Iterator[tuple[Place, str]]:
    yield from _training(recipe)
    yield from _data(recipe)
    yield from _evaluation(recipe)
    if isinstance(recipe.base, OpenBase) and recipe.base.model.startswith("hf:"):
        yield ("base", "sha256"), "an hf: locator is pinned by its revision."


def _training(recipe: Recipe) -> Iterator[tuple[Place, str]]:
    schedule = recipe.training.schedule
    if schedule.kind != "wsd":
        yield ("training", "schedule", "decay"), f"schedule.kind is {schedule.kind}; only wsd reads it."
    if schedule.kind == "constant":
        yield ("training", "schedule", "final"), "a constant schedule ends where it is."


def _data(recipe: Recipe) -> Iterator[tuple[Place, str]]:
    if recipe.data.form == "text":
        yield ("data", "system"), "plain text has no system prompt."
        yield ("data", "filter", "min_reply_characters"), "plain text has no replies."
        for index, source in enumerate(recipe.data.sources):
            if isinstance(source, FileSource):
                yield ("data", "sources", index, "held_out"), "plain text is not split by rows."
    if recipe.evaluation.scenario.kind != "text":
        for index, _ in enumerate(recipe.data.sources):
            yield ("data", "sources", index, "replay"), "evaluation.scenario.kind is not text: it holds no text out."
    for name in ("deduplicate", "decontaminate"):
        step = getattr(recipe.data, name)
        if not step.enabled:
            for key in set(type(step).model_fields) - {"enabled"}:
                yield ("data", name, key), f"data.{name}.enabled is false."


def _evaluation(recipe: Recipe) -> Iterator[tuple[Place, str]]:
    scenario, guard = recipe.evaluation.scenario, recipe.evaluation.guard
    if scenario.kind == "tutor" and scenario.gsm8k is None:
        yield ("evaluation", "scenario", "gsm8k_problems"), "evaluation.scenario.gsm8k names no file."
    if scenario.kind == "held-out" and scenario.samples == 0:
        yield ("evaluation", "scenario", "max_new_tokens"), "evaluation.scenario.samples is 0: nothing is generated."
    if guard is None:
        return
    if "general-text" not in guard.tasks:
        yield ("evaluation", "guard", "loss_margin"), "evaluation.guard.tasks has no general-text."
    if set(guard.tasks) == {"general-text"}:
        for key in ("items", "margin", "source", "sha256", "seed"):
            yield ("evaluation", "guard", key), "evaluation.guard.tasks has no multiple-choice task."


def has(container: Any, part: str | int) -> bool:
    """Whether a written mapping has the key, or a written list the position."""
    if isinstance(part, int):
        return isinstance(container, list) and part < len(container)
    return isinstance(container, Mapping) and part in container


def _is_written(written: Any, place: Place) -> bool:
    for part in place:
        if not has(written, part):
            return False
        written = written[part]
    return True
