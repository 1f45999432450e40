"""What past runs teach the next plan: how far off the model was, stage by stage, on the same hardware.

Every plan keeps what the formulas alone said (`model_s`, `model_bytes`), so that a plan which was corrected already
is not corrected for its own correction.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

VERSION = 2  # of the formulas and their constants: raised when either changes, for old ratios correct old formulas
_UNSEEN = 2.0  # before the first run here, a plan is right within a factor of two
_USUAL = 0.2  # of log(actual / predicted), between recipes on one machine
_LEAST = 1.1  # the same run, twice, on a machine that also does other things
_Z80 = 1.2816  # 80% of a normal distribution lie within so many standard deviations


_NOT_OF_THIS_MACHINE = {"base", "items"}  # networks and caches decide on these, so they teach nothing
STAGE_OF: Mapping[str, str] = {"save": "train"}  # a phase that is part of a stage of another name


@dataclass(frozen=True, slots=True)
class Ratio:
    """Actual over predicted: the median of `count` past runs. An 80% interval is value / spread to value x spread."""

    value: float = 1.0
    spread: float = _UNSEEN
    count: int = 0

    @classmethod
    def of(cls, observed: Iterable[float]) -> Ratio:
        """From actual / predicted of each past run; nothing observed leaves the widest interval."""
        logs = [math.log(ratio) for ratio in observed if ratio > 0 and math.isfinite(ratio)]
        if not logs:
            return cls()
        # the usual difference between two recipes counts as one more run: one lucky run proves little
        middle, count = statistics.median(logs), len(logs)
        variance = (_USUAL**2 + sum((x - middle) ** 2 for x in logs)) / (1 + count) * (1 + 1 / count)
        spread = math.exp(_Z80 * math.sqrt(variance))
        return cls(math.exp(middle), min(_UNSEEN, max(_LEAST, spread)), count)


@dataclass(frozen=True, slots=True)
class Calibration:
    """Ratios of time, and of peak memory, by stage; what is missing counts as never seen."""

    times: Mapping[str, Ratio] = field(default_factory=dict)
    memories: Mapping[str, Ratio] = field(default_factory=dict)

    def time(self, stage: str) -> Ratio:
        """Of one stage's wall time."""
        return self.times.get(stage, Ratio())

    def memory(self, phase: str) -> Ratio:
        """Of one phase's peak, which is measured as that of its stage."""
        return self.memories.get(STAGE_OF.get(phase, phase), Ratio())

    @classmethod
    def from_history(cls, rows: Iterable[Mapping[str, Any]], hardware: str) -> Calibration:
        """Learn from past runs on `hardware` (the name of a machine or device).

        A row: {"hardware": name, "plan": a plan's JSON, "actual": {"stages": [{name, wall_s, cpu_s,
        peak_rss_bytes}]}}. Rows of other hardware, of plans by other formulas and of stages that were not measured
        teach nothing.
        """
        times: dict[str, list[float]] = {}
        memories: dict[str, list[float]] = {}
        for row in rows:
            plan, actual = row.get("plan") or {}, row.get("actual") or {}
            known = row.get("hardware") or plan.get("hardware", {}).get("name")
            if known != hardware or plan.get("formulas_version") != VERSION:
                continue
            planned = {stage["name"]: stage.get("model_s") for stage in plan.get("stages", ())}
            expected = _expected_bytes(plan)
            for stage in actual.get("stages", ()):
                name = stage["name"]
                if name not in _NOT_OF_THIS_MACHINE and planned.get(name) and stage.get("wall_s"):
                    times.setdefault(name, []).append(stage["wall_s"] / planned[name])
                if expected.get(name) and stage.get("peak_rss_bytes"):
                    memories.setdefault(name, []).append(stage["peak_rss_bytes"] / expected[name])
        return cls(
            {name: Ratio.of(values) for name, values in times.items()},
            {name: Ratio.of(values) for name, values in memories.items()},
        )


def _expected_bytes(plan: Mapping[str, Any]) -> dict[str, float]:
    """Stage → what the formulas say of its largest phase."""
    found: dict[str, float] = {}
    for phase, values in (plan.get("phases") or {}).items():
        stage = STAGE_OF.get(phase, phase)
        found[stage] = max(found.get(stage, 0.0), float(values.get("model_bytes") or 0.0))
    return found
