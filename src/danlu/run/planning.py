"""The plan of a recipe: counts the work that it describes, and hands it with this machine to compute/."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any

from danlu import data, ledger
from danlu.artefact import read_json
from danlu.compute import CATALOGUE, Calibration, Device, Plan, Questions, Scoring, Workload, find, plan_stages
from danlu.data import tutor
from danlu.data.formats import read
from danlu.data.row import Row
from danlu.data.split import LEAST
from danlu.errors import RecipeError
from danlu.hub import Resolved, resolve
from danlu.recipe import Evaluation, FreshBase, HeldOutScenario, Recipe, TextScenario, TutorScenario
from danlu.run.fresh import planned_fresh
from danlu.run.machine import this_machine
from danlu.run.settle import RUNS
from danlu.run.stages.base import renderer_of
from danlu.tokens import Renderer

_SAMPLE = 12  # items rendered to learn how long prompts are
# Mean tokens of a context and of all its choices, over 300 items of each task with SmolLM2's tokenizer.
_CHOICES: Mapping[str, tuple[float, float]] = {"arc-easy": (29, 18), "piqa": (14, 45), "sciq": (102, 7)}
_GENERAL_TEXTS, _GENERAL_TOKENS = 60, 150.0
_Scenario = TutorScenario | HeldOutScenario | TextScenario


@contextlib.contextmanager
def base_to_plan(recipe: Recipe, root: Path) -> Iterator[tuple[Resolved, Renderer]]:
    """The base of a recipe and its renderer, for as long as the block runs: of a fresh one, no weights are made."""
    base = recipe.base
    if isinstance(base, FreshBase):
        with planned_fresh(recipe, root) as made:
            yield made, renderer_of(made.folder, recipe.data.form)
        return
    found = resolve(base.model, sha256=base.sha256, licence=base.licence, chat_template=base.chat_template, root=root)
    yield found, renderer_of(found.folder, recipe.data.form)


def plan_recipe(
    recipe: Recipe,
    *,
    root: Path,
    base: Resolved,
    renderer: Renderer,
    history: Sequence[Mapping[str, Any]] = (),
) -> Plan:
    """What a run of `recipe` will take, before anything is spent.

    root: where the recipe's relative paths start. base: the resolved base; only its config.json is read. history:
    past runs as compute.Calibration reads them. Raises RecipeError for hardware that is neither this machine nor in
    the catalogue, DataError for data that cannot be read.
    """
    device = device_of(recipe)
    return plan_stages(
        recipe.training,
        read_json(base.folder / "config.json"),
        workload_of(recipe, root=root, renderer=renderer),
        device,
        Calibration.from_history(history, device.name),
        model_name=base.source,
    )


def device_of(recipe: Recipe) -> Device:
    """Where the recipe runs: this machine, or a card of the catalogue for a plan alone."""
    machine = this_machine()
    if recipe.hardware in {"auto", machine.name}:
        return machine.device(recipe.threads)
    if difflib.get_close_matches(recipe.hardware, [machine.name, *CATALOGUE], n=1, cutoff=0)[0] == machine.name:
        raise RecipeError(
            f"hardware {recipe.hardware!r} is not this machine, which is {machine.name!r}. "
            "Set hardware: auto to run the recipe here."
        )
    return find(recipe.hardware)


def past_runs(hardware: str) -> list[dict[str, Any]]:
    """What the ledger beside ./runs knows of this hardware; nothing where there is no ledger yet."""
    path = RUNS / ledger.NAME
    return ledger.Ledger.existing(path).history(hardware) if path.is_file() else []


def workload_of(recipe: Recipe, *, root: Path, renderer: Renderer) -> Workload:
    """Tokens to train on and questions to answer, from samples of the sources and items."""
    counted = data.estimate(recipe.data, renderer=renderer, root=root)
    rows, tokens, supervised = (
        sum(source[key] for source in counted.values()) for key in ("rows", "tokens", "supervised_tokens")
    )
    texts = list(_held_out_texts(recipe, counted))
    left = 1 - sum(asked.count * asked.tokens for asked in texts) / max(tokens, 1)  # held-out texts are not trained on
    return Workload(
        tokens=tokens * left,
        supervised=supervised * left,
        document=min(tokens / max(rows, 1), recipe.data.max_length),
        max_length=recipe.data.max_length,
        rows=rows,
        source=f"estimated from a sample of {', '.join(counted)}",
        questions=tuple(_questions(recipe.evaluation.scenario, root, renderer)),
        scoring=(*texts, *_scoring(recipe.evaluation, root, renderer)),
        batch=recipe.evaluation.batch,
    )


def _held_out_texts(recipe: Recipe, counted: Mapping[str, Mapping[str, Any]]) -> Iterator[Scoring]:
    """The documents of a `text` scenario: a share of those that the sources have, but for replay."""
    scenario = recipe.evaluation.scenario
    asked = [counted[source.name] for source in recipe.data.sources if not source.replay]
    rows, tokens = (sum(source[key] for source in asked) for key in ("rows", "tokens"))
    if isinstance(scenario, TextScenario) and rows:
        count = min(max(round(rows * scenario.share), LEAST), scenario.documents)
        arms = 1 if isinstance(recipe.base, FreshBase) else 2  # what a fresh one is compared with are no models
        yield Scoring(count, tokens / rows, tokens / rows, arms)


def _questions(scenario: _Scenario, root: Path, renderer: Renderer) -> Iterator[Questions]:
    if isinstance(scenario, TextScenario):
        return
    if isinstance(scenario, HeldOutScenario):
        prompts = [
            renderer.prompt(row.messages[:-1], row.tools) for row in _held_out(scenario, root) if row.text is None
        ]
        if prompts and scenario.samples:
            yield _asked(scenario.samples, prompts, scenario.max_new_tokens, arms=2)
        return
    sets = [(tutor.held_out(min(_SAMPLE, scenario.problems), scenario.seed), scenario.problems)]
    if scenario.gsm8k is not None:
        count = scenario.gsm8k_problems
        sets.append((tutor.gsm8k(root / scenario.gsm8k, min(_SAMPLE, count), scenario.seed), count))
    for items, count in sets:
        for turn in ("first", "closing"):
            for shown, arms in (([], 2), (tutor.few_shot(), 1)):
                if arms == 2 or scenario.few_shot:
                    asked = [renderer.prompt(_with_examples(item[turn]["messages"], shown)) for item in items]
                    yield _asked(count, asked, scenario.max_new_tokens, arms)


def _with_examples(messages: Sequence[Any], shown: Sequence[Any]) -> list[Any]:
    """Worked examples stand between the system prompt and the item's own turns."""
    return [messages[0], *shown, *messages[1:]]


def _asked(count: int, prompts: Sequence[list[int]], new_tokens: int, arms: int) -> Questions:
    first, last = min(prompts), max(prompts)  # what these two begin with, all do
    shared = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), 0)
    return Questions(count, fmean(map(len, prompts)), new_tokens, shared, arms)


def _scoring(evaluation: Evaluation, root: Path, renderer: Renderer) -> Iterator[Scoring]:
    scenario = evaluation.scenario
    if isinstance(scenario, HeldOutScenario):
        lengths = [length for row in _held_out(scenario, root) for length in _lengths(row, renderer)]
        if lengths:
            count = sum(1 for _ in read(root / scenario.path, "auto", "held-out"))
            yield Scoring(count, fmean(all_ for all_, _ in lengths), fmean(own for _, own in lengths))
    for task in evaluation.guard.tasks if evaluation.guard else ():
        assert evaluation.guard is not None
        if task == "general-text":
            yield Scoring(_GENERAL_TEXTS, _GENERAL_TOKENS, _GENERAL_TOKENS)
        else:
            context, choices = _CHOICES[task]
            yield Scoring(evaluation.guard.items, context + choices, choices)


def _held_out(scenario: HeldOutScenario, root: Path) -> list[Row]:
    return list(islice(read(root / scenario.path, "auto", "held-out"), _SAMPLE))


def _lengths(row: Row, renderer: Renderer) -> Iterator[tuple[int, int]]:
    """(tokens, scored tokens) of a held-out row."""
    if row.text is not None:
        count = len(renderer.tokenizer.encode(row.text))
        yield count, count
        return
    for rendered in renderer.train_rows(row.messages, row.tools):
        yield len(rendered.ids), sum(rendered.mask)
