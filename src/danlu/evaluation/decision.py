"""Whether to ship, and why in one sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from danlu.evaluation.power import items_needed
from danlu.evaluation.row import Against, Row, Verdict
from danlu.evaluation.statistics import MIN_CLUSTERS

_WORDS: dict[Verdict, str] = {"better": "better", "not_better": "not better", "undecided": "undecided"}
_NAMES = {
    "success": "replies that pass",
    "held_out_loss": "loss on held-out replies",
    "bits_per_byte": "bits per byte of held-out documents",
    "accuracy": "general accuracy",
    "general_text_loss": "loss on general text",
}


_ARMS: dict[Against, str] = {
    "base": "the base",
    "few_shot": "the base under its best prompt",
    "ngram": "an n-gram model of the same text",
    "zstd": "zstd -19 after the same text",
}


@dataclass(frozen=True, slots=True)
class Decision:
    """The scenario's verdict, and whether the model may be shipped (refusal 15: never past a guard that failed)."""

    verdict: Verdict
    ship: bool
    why: str


def decide(scenario: Sequence[Row], guard: Sequence[Row], *, guarded: bool) -> Decision:
    """Ship what is better on the scenario's first row, no worse than its guard's margins allow, and no worse than a
    good prompt.

    The few-shot arm cannot make a verdict better, but a model that is proven worse than two worked examples in the
    prompt is not worth serving.
    """
    primary = scenario[0]
    prompted = next((row for row in scenario if row.metric == primary.metric and row.against == "few_shot"), None)
    deciding = [row for row in guard if row.margin is not None]
    held = guarded and all(row.held == "yes" for row in deciding)
    ship = primary.verdict == "better" and held and not (prompted and prompted.verdict == "not_better")
    said = [(primary.verdict == "better", _scenario_words(primary))]
    if prompted:
        said.append((prompted.verdict != "not_better", _prompted_words(prompted)))
    said += [(row.held == "yes", _guard_words(row)) for row in deciding]
    if not guarded:
        said.append((False, "there is no guard, and nothing ships unguarded"))
    said.sort(key=lambda part: part[0])  # what stands against shipping comes first
    return Decision(primary.verdict, ship, f"{'Ship' if ship else 'Do not ship'}: {'; '.join(t for _, t in said)}.")


def decide_from_scratch(rows: Sequence[Row]) -> Decision:
    """Of a model from scratch: better if it beats every baseline, so the strongest too, whichever that is.

    It ships if it is better. There is no guard: a fresh base can do nothing that training could cost.
    """
    verdicts = {row.verdict for row in rows}
    verdict: Verdict = next((v for v in ("not_better", "undecided") if v in verdicts), "better")
    worst_first = sorted(rows, key=lambda row: row.verdict == "better")
    against = [f"{_against(row)}, {_levels(row)}{_lacking(row)}" for row in worst_first]
    said = f"{_NAMES[rows[0].metric]} {'; '.join(against)}"
    ship = verdict == "better"
    why = f"{said}; trained from scratch, so there is no base whose general ability could have fallen"
    return Decision(verdict, ship, f"{'Ship' if ship else 'Do not ship'}: {why}.")


def _scenario_words(row: Row) -> str:
    return f"{_against(row)}, {_NAMES.get(row.metric, row.metric)} {_levels(row)}{_lacking(row)}"


def _lacking(row: Row) -> str:
    return _more(row, abs(row.gain)) if row.verdict == "undecided" else ""


def _against(row: Row) -> str:
    if row.verdict == "undecided":
        return f"undecided against {_ARMS[row.against]}"
    return f"{_WORDS[row.verdict]} than {_ARMS[row.against]}"


def _prompted_words(row: Row) -> str:
    claim = {
        "better": "tuning beats prompting with two worked examples",
        "not_better": "prompting the base with two worked examples does better",
        "undecided": "whether tuning beats prompting with two worked examples is undecided",
    }[row.verdict]
    return f"{claim} ({_change(row)})"


def _guard_words(row: Row) -> str:
    assert row.margin is not None
    claim = {"yes": "held", "no": "fell too far", "undecided": "is undecided"}[row.held or "undecided"]
    if row.better == "lower" and row.held == "no":
        claim = "rose too far"
    tolerated = f"tolerated {_amount(-row.margin if row.better == 'higher' else row.margin, row)}"
    text = f"{_NAMES[row.metric]} {claim} ({_change(row)}, {tolerated})"
    return text + (_more(row, row.gain + row.margin) if row.held == "undecided" else "")


def _levels(row: Row) -> str:
    d = row.difference
    spread = f"{d.n} items" if d.n == d.clusters else f"{d.n} items in {d.clusters} groups"
    return f"{_level(d.base, row)} → {_level(d.tuned, row)} ({_change(row)}, {spread})"


def _change(row: Row) -> str:
    d = row.difference
    if not all(map(math.isfinite, d.ci95)):
        return f"{_amount(d.diff, row)}, without an interval"
    low, high = (_amount(end, row).partition(" ")[0] for end in d.ci95)
    return f"{_amount(d.diff, row)}, 95% interval {low} to {high}"


def _more(row: Row, distance: float) -> str:
    """How many more items would decide, if what was measured is the truth."""
    if not row.difference.can_claim:
        return f", and fewer than {MIN_CLUSTERS} groups can show nothing"
    needed = items_needed(row.difference, distance)
    if needed is None:
        return ", and more items of the kind would not help"
    more = max(needed - row.difference.n, 1)
    return f", about {more:,} more items would decide"


def _level(value: float, row: Row) -> str:
    return f"{value:.0%}" if row.better == "higher" else f"{value:.3f}"


def _amount(value: float, row: Row) -> str:
    return f"{100 * value:+.1f} points" if row.unit == "points" else f"{value:+.3f} {row.unit}"
