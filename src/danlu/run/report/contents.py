"""The parts of a report in their order, from a run's evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from danlu.errors import REFUSALS
from danlu.run.report import method, results, spent, training, words
from danlu.run.report.blocks import Headline, Notice, Report, Section, Tone
from danlu.run.report.words import change, held, interval, label, level
from danlu.run.report.words import verdict as verdict_words

Json = Mapping[str, Any]
_DECIDED: Mapping[str, tuple[Tone, str]] = {
    "better": ("good", "better"),
    "not_better": ("bad", "not better"),
    "undecided": ("unsure", "undecided"),
}
_HELD: Mapping[str, tuple[Tone, str]] = {
    "yes": ("good", "held"),
    "no": ("bad", "failed"),
    "undecided": ("unsure", "undecided"),
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a report is made from: `danlu/run-1`, `danlu/plan-1`, `danlu/data-1`, `danlu/evaluation-1`."""

    run: Json
    plan: Json
    card: Json
    evaluation: Json
    trajectory: Sequence[Json]


def report(evidence: Evidence) -> Report:
    """The report of a run."""
    run, evaluation = evidence.run, evidence.evaluation
    return Report(
        name=str(run["name"]),
        goal=run.get("goal"),
        waivers=tuple(_waivers(run.get("accepted") or {})),
        verdict=Notice(verdict_words(evaluation), str(evaluation["why"]), _tone(evaluation)),
        headlines=tuple(_headlines(evaluation)),
        introduction=_introduction(run, evaluation),
        sections=tuple(_sections(evidence)),
    )


def _sections(evidence: Evidence) -> Iterator[Section]:
    run, plan, evaluation = evidence.run, evidence.plan, evidence.evaluation
    yield Section("scenario", "Does it do what it is for?", tuple(results.scenario(evaluation["scenario"])))
    if not words.from_scratch(evaluation["scenario"]):
        yield Section("guard", "Is general ability kept?", tuple(results.guard(evaluation["guard"])))
    yield Section("cost", "What was planned, and what it took", (spent.measured(run, plan),))
    yield Section("data", "What it was trained on", tuple(training.data(evidence.card, run.get("diversity"))))
    yield Section("training", "How training went", tuple(training.course(run, evidence.trajectory)))
    if evaluation.get("samples"):
        yield Section("samples", "What they said", tuple(results.conversations(evaluation["samples"])))
    yield Section("method", "How this was measured", tuple(method.method(run, evaluation, plan)))
    yield Section("provenance", "Recipe and provenance", tuple(method.provenance(run, plan, evidence.card)))


def _waivers(accepted: Json) -> Iterator[Notice]:
    for number, reason in sorted(accepted.items(), key=lambda pair: int(pair[0])):
        what = REFUSALS.get(int(number), "")
        yield Notice(f"Accepted: refusal {number}, {what}", f"danlu was told to go on in that case, because: {reason}")


def _tone(evaluation: Json) -> Tone:
    if evaluation["ship"]:
        return "good"
    return "unsure" if evaluation["verdict"] == "undecided" else "bad"


def _headlines(evaluation: Json) -> Iterator[Headline]:
    """The row that the verdict rests on, and the guard rows that decide."""
    rows = evaluation["scenario"]
    deciding = [(row, *_HELD[name]) for row in evaluation["guard"] if (name := held(row))]
    asked = [(row, *_DECIDED[row["verdict"]]) for row in (rows if words.from_scratch(rows) else rows[:1])]
    for row, tone, word in [*asked, *deciding]:
        levels = f"{level(row['base'], row)} → {level(row['tuned'], row)}"
        name = f"{label(row)}: {word}"
        yield Headline(name, change(row["diff"], row), f"{levels}; 95% interval {interval(row)}", tone)


def _introduction(run: Json, evaluation: Json) -> str:
    if words.from_scratch(evaluation["scenario"]):
        return (
            "A model was trained from scratch on the data below. An untrained model would be no opponent, so two "
            "baselines were given the same training documents, and all were then asked how many bits documents take "
            "that none of them saw. Every difference comes with its 95% interval: the range of true differences that "
            "such an outcome is compatible with."
        )
    source = (run.get("base") or {}).get("source")
    base = f"the base, {shortened(source)}" if source else "the base"
    return (
        f"An open model ({base}) was trained further on the data below. The result, here called tuned, and the base "
        "were then asked the same questions. Every difference comes with its 95% interval: the range of true "
        "differences that such an outcome is compatible with."
    )


def shortened(source: str) -> str:
    """A path's last part: where it lay on one machine tells a reader nothing."""
    return PurePath(source).name if source.startswith(("/", "~")) else source
