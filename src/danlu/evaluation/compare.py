"""Two arms' logs become rows, a verdict, and whether to ship."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from danlu.artefact import read_json
from danlu.evaluation import baselines, choice, log, samples
from danlu.evaluation.answer import FEW_SHOT, answered_tasks
from danlu.evaluation.decision import Decision, decide, decide_from_scratch
from danlu.evaluation.items import GENERAL_TEXT, SCENARIO, primary_sets, read_items
from danlu.evaluation.row import BITS_PER_BYTE, Against, Better, Row
from danlu.evaluation.statistics import paired
from danlu.recipe.evaluation import Evaluation, Guard, TextScenario, TutorScenario

SCHEMA = "danlu/evaluation-1"
Records = Sequence[Mapping[str, Any]]
Logs = Mapping[str, Records]
Value = Callable[[Mapping[str, Any]], float]


def compare(evaluation: Evaluation, items: Path, base: Path, tuned: Path) -> dict[str, Any]:
    """The evaluation as JSON: rows of scenario and guard, verdict, ship, why, and samples.

    items, base, tuned: the folders that `write_items` and `answer` wrote. Raises DataError where answers are missing.
    """
    asked = {source: read_items(items, source) for _, source in answered_tasks(evaluation, "base")}
    before = {t: log.read(base / f"{t}.jsonl", asked[s]) for t, s in answered_tasks(evaluation, "base")}
    after = {t: log.read(tuned / f"{t}.jsonl", asked[s]) for t, s in answered_tasks(evaluation, "tuned")}
    scenario = _scenario(evaluation, asked[SCENARIO], before, after)
    guard = [] if evaluation.guard is None else _guard(evaluation.guard, before, after)
    decision = decide(scenario, guard, guarded=evaluation.guard is not None)
    chosen = samples.choose(asked[SCENARIO], before[SCENARIO], before.get(FEW_SHOT), after[SCENARIO])
    return {**_described(scenario, guard, decision), "samples": chosen}


def compare_with_baselines(items: Path, measured: Path, tuned: Path) -> dict[str, Any]:
    """The evaluation of a model from scratch as JSON, as `compare` gives it, and `baselines`, what they rest on.

    items, measured, tuned: the folders that `write_items`, `measure_baselines` and `answer` wrote. The stronger
    baseline's row comes first. Raises DataError where answers are missing.
    """
    asked = read_items(items, SCENARIO)
    after = log.read(tuned / f"{SCENARIO}.jsonl", asked)
    arms: tuple[Against, ...] = ("ngram", "zstd")
    found = [_bits(arm, log.read(measured / f"{arm}.jsonl", asked), after) for arm in arms]
    found.sort(key=lambda row: row.difference.base)
    facts = read_json(measured / baselines.FILE)
    return {**_described(found, [], decide_from_scratch(found)), "samples": [], "baselines": facts}


def _described(scenario: Sequence[Row], guard: Sequence[Row], decision: Decision) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "scenario": [row.to_json() for row in scenario],
        "guard": [row.to_json() for row in guard],
        "verdict": decision.verdict,
        "ship": decision.ship,
        "why": decision.why,
    }


def _scenario(evaluation: Evaluation, items: Records, before: Logs, after: Logs) -> list[Row]:
    """The first row is the one that the verdict rests on, named before anything is run."""
    tuned = after[SCENARIO]
    if isinstance(evaluation.scenario, TextScenario):
        return [_bits("base", before[SCENARIO], tuned)]
    if not isinstance(evaluation.scenario, TutorScenario):
        return [_row("held_out_loss", "base", before[SCENARIO], tuned, _loss, better="lower")]
    arms: list[tuple[Against, Records]] = [("base", before[SCENARIO])]
    if FEW_SHOT in before:
        arms.append(("few_shot", before[FEW_SHOT]))
    rows = []
    for summary, own in primary_sets(items).items():
        ids = {item["item_id"] for item in own}
        for against, answers in arms:
            pair = [[r for r in records if r["item_id"] in ids] for records in (answers, tuned)]
            for name in tuned[0]["scores"]:
                metric = summary.removesuffix("success") + name
                rows.append(_row(metric, against, pair[0], pair[1], _score(name)))
    return rows


def _guard(guard: Guard, before: Logs, after: Logs) -> list[Row]:
    """Pooled accuracy and loss on general text have a margin and decide; each set alone is shown beside them."""
    sets = [name for name in guard.tasks if name != GENERAL_TEXT]
    rows = []
    if sets:
        pooled = [[r for name in sets for r in logs[name]] for logs in (before, after)]
        rows.append(_row("accuracy", "base", pooled[0], pooled[1], _correct, margin=guard.margin))
    if len(sets) > 1:
        for name in sets:
            metric = f"{name}_{choice.TASKS[name].primary}"
            rows.append(_row(metric, "base", before[name], after[name], _correct))
    if GENERAL_TEXT in guard.tasks:
        texts = before[GENERAL_TEXT], after[GENERAL_TEXT]
        rows.append(_row("general_text_loss", "base", *texts, _loss, better="lower", margin=guard.loss_margin))
    return rows


def _row(
    metric: str,
    against: Against,
    base: Records,
    tuned: Records,
    value: Value,
    *,
    better: Better = "higher",
    margin: float | None = None,
) -> Row:
    bound = 1.0 if better == "higher" else math.inf  # shares of items, against losses without a ceiling
    clusters = [r["cluster"] for r in base]
    difference = paired([value(r) for r in base], [value(r) for r in tuned], clusters, bound=bound)
    return Row(metric, against, difference, better, margin)


def _bits(against: Against, base: Records, tuned: Records) -> Row:
    """Bits of all documents over their bytes: a ratio of sums, not a mean of ratios."""
    before, after = ([float(r["bits"]) for r in records] for records in (base, tuned))
    sizes = [float(r["bytes"]) for r in tuned]
    difference = paired(before, after, [r["cluster"] for r in base], sizes=sizes)
    return Row(BITS_PER_BYTE, against, difference, "lower")


def _score(name: str) -> Value:
    return lambda record: float(record["scores"][name])


def _correct(record: Mapping[str, Any]) -> float:
    return float(record["correct"])


def _loss(record: Mapping[str, Any]) -> float:
    return float(record["loss"])
