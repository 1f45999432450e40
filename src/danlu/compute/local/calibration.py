"""What past runs and a probe teach the next plan: how far off the formulas were, stage by stage, on the same hardware.

Every plan keeps what the formulas alone said (`model_s`, `model_bytes`), so that a plan which was corrected already
is not corrected for its own correction.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from danlu.compute.estimate import Z80

VERSION = 3  # of the formulas and their constants: raised when either changes, for old ratios correct old formulas
_UNSEEN = 2.0  # before the first run here, a plan is right within a factor of two
_USUAL = 0.2  # of log(actual / predicted), between recipes on one machine
_ALIKE = 0.08  # between runs of one model, adapter and step on one machine
_LEAST = 1.1  # the same run, twice, on a machine that also does other things


_NOT_OF_THIS_MACHINE = {"base", "items"}  # networks and caches decide on these, so they teach nothing
STAGE_OF: Mapping[str, str] = {"save": "train"}  # a phase that is part of a stage of another name


@dataclass(frozen=True, slots=True)
class Ratio:
    """Actual over predicted, from `count` observations. An 80% interval is value / spread to value x spread."""

    value: float = 1.0
    spread: float = _UNSEEN
    count: int = 0

    @classmethod
    def of(cls, observed: Iterable[float], usual: float = _USUAL) -> Ratio:
        """From actual / predicted of each past run; nothing observed leaves the widest interval.

        usual: standard deviation of its logarithm from run to run, before this many are seen.
        """
        logs = [math.log(ratio) for ratio in observed if ratio > 0 and math.isfinite(ratio)]
        if not logs:
            return cls()
        middle, count = statistics.median(logs), len(logs)
        # the usual difference counts as one more degree of freedom: runs that agree by luck prove little. The next
        # run differs from the middle by its own deviation and by the middle's.
        variance = (usual**2 + sum((x - middle) ** 2 for x in logs)) / count * (1 + 1 / count)
        spread = math.exp(Z80 * math.sqrt(variance))
        return cls(math.exp(middle), min(_UNSEEN, max(_LEAST, spread)), count)

    @classmethod
    def known(cls, value: float, sigma: float) -> Ratio:
        """One measurement. sigma: standard deviation of its logarithm."""
        return cls(value, min(_UNSEEN, max(_LEAST, math.exp(Z80 * sigma))), 1)

    @property
    def sigma(self) -> float:
        """Standard deviation of log(actual / predicted)."""
        return math.log(self.spread) / Z80

    def with_(self, other: Ratio | None) -> Ratio:
        """Both evidences together, each in proportion to its precision (1 / sigma²); what was never seen has none."""
        if other is None or other.count == 0:
            return self
        if self.count == 0:
            return other
        mine, theirs = self.sigma**-2, other.sigma**-2
        middle = (mine * math.log(self.value) + theirs * math.log(other.value)) / (mine + theirs)
        spread = math.exp(Z80 * (mine + theirs) ** -0.5)
        return Ratio(math.exp(middle), max(_LEAST, spread), self.count + other.count)


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
    def from_history(
        cls, rows: Iterable[Mapping[str, Any]], hardware: str, like: Mapping[str, Any] | None = None
    ) -> Calibration:
        """Learn from past runs on `hardware` (the name of a machine or device).

        A row: {"hardware": name, "plan": a plan's JSON, "actual": {"stages": [{name, wall_s, cpu_s, peak_rss_bytes,
        reused_s}]}}. Rows of other hardware, of plans by other formulas and of stages that were not measured teach
        nothing. like: the JSON of the plan to correct; runs of the same model and step count for more.
        """
        near, far = _Observed(), _Observed()
        for row in rows:
            plan, actual = row.get("plan") or {}, row.get("actual") or {}
            known = row.get("hardware") or plan.get("hardware", {}).get("name")
            if known == hardware and plan.get("formulas_version") == VERSION:
                (near if like is not None and _are_alike(plan, like) else far).add(plan, actual)
        return cls(near.together(far, "times"), near.together(far, "memories"))


@dataclass(frozen=True, slots=True)
class _Observed:
    """Actual over predicted, stage by stage, of runs that are alike."""

    times: dict[str, list[float]] = field(default_factory=dict)
    memories: dict[str, list[float]] = field(default_factory=dict)

    def add(self, plan: Mapping[str, Any], actual: Mapping[str, Any]) -> None:
        """One run."""
        planned = {stage["name"]: stage.get("model_s") for stage in plan.get("stages", ())}
        expected = _expected_bytes(plan)
        for stage in actual.get("stages", ()):
            name = stage["name"]
            if name not in _NOT_OF_THIS_MACHINE and planned.get(name) and stage.get("wall_s"):
                taken = stage["wall_s"] + (stage.get("reused_s") or 0.0)  # what other runs had done for it already
                self.times.setdefault(name, []).append(taken / planned[name])
            if expected.get(name) and stage.get("peak_rss_bytes"):
                self.memories.setdefault(name, []).append(stage["peak_rss_bytes"] / expected[name])

    def together(self, far: _Observed, what: str) -> dict[str, Ratio]:
        """With runs that are less alike."""
        mine, theirs = getattr(self, what), getattr(far, what)
        return {
            name: Ratio.of(mine.get(name, ()), _ALIKE).with_(Ratio.of(theirs.get(name, ())))
            for name in (*mine, *(name for name in theirs if name not in mine))
        }


def _are_alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return list(_traits(one)) == list(_traits(other))


def _traits(plan: Mapping[str, Any]) -> Iterator[Any]:
    """The model, what of it is trained, and how large a step is."""
    model, steps = plan.get("model") or {}, plan.get("steps") or {}
    yield model.get("num_parameters")
    yield model.get("num_trained_parameters")
    yield round(math.log(max(float(steps.get("tokens_per_step") or 1.0), 1.0)) / math.log(1.5))


def _expected_bytes(plan: Mapping[str, Any]) -> dict[str, float]:
    """Stage → what the formulas say of its largest phase; of several ranks, only one process was measured."""
    found: dict[str, float] = {}
    for phase, values in (plan.get("phases") or {}).items():
        stage = STAGE_OF.get(phase, phase)
        found[stage] = max(found.get(stage, 0.0), float(values.get("model_bytes") or 0.0))
    if (plan.get("ranks") or 1) > 1:
        found.pop("train", None)
    return found
