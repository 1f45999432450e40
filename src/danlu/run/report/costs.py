"""What was planned and what it cost, quantity by quantity, from a run's result and its plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from danlu.run.report import words


@dataclass(frozen=True, slots=True)
class Cost:
    """One quantity, planned and actual; None where it is not known. low, high: the plan's 80% range.

    note: why a stage was not built in this run.
    """

    name: str
    kind: Literal["stage", "time", "memory", "rate"]
    planned: float | None
    actual: float | None
    low: float | None = None
    high: float | None = None
    peak_bytes: float | None = None
    note: str = ""

    @property
    def say(self) -> Callable[[float | None], str]:
        """How its figures are written."""
        return {"memory": words.size, "rate": words.rate}.get(self.kind, words.duration)


def costs(run: Mapping[str, Any], plan: Mapping[str, Any]) -> list[Cost]:
    """Each stage's time, the time of all, peak memory and training speed; empty where neither is known.

    Only stages that were measured are added up: a report cannot hold its own time.
    """
    planned = {stage["name"]: stage for stage in plan.get("stages") or ()}
    actual = {stage["name"]: stage for stage in run.get("stages") or ()}
    if not planned and not actual:
        return []
    names = list(actual or planned)
    stages = [_stage(name, planned.get(name), actual.get(name)) for name in names]
    peaks = [stage.peak_bytes for stage in stages if stage.peak_bytes]
    return [
        *stages,
        Cost(
            "time, all stages",
            "time",
            _total([s.planned for s in stages]) if planned else None,
            _total([s.actual for s in stages]) if actual else None,
            _total([s.low for s in stages]) if planned else None,
            _total([s.high for s in stages]) if planned else None,
        ),
        Cost("memory, at its peak", "memory", plan.get("memory_bytes"), max(peaks, default=None)),
        Cost(
            "training speed",
            "rate",
            (plan.get("steps") or {}).get("tokens_per_s"),
            (run.get("train") or {}).get("tokens_per_s"),
        ),
    ]


def _stage(name: str, planned: Mapping[str, Any] | None, actual: Mapping[str, Any] | None) -> Cost:
    planned, actual = planned or {}, actual or {}
    reused = actual.get("status") == "reused"
    return Cost(
        name,
        "stage",
        planned.get("time_s"),
        actual.get("wall_s"),
        planned.get("low_s"),
        planned.get("high_s"),
        actual.get("peak_rss_bytes"),
        f"reused: {actual.get('reason', '')}" if reused else "",
    )


def _total(values: list[float | None]) -> float:
    return sum(value or 0.0 for value in values)
