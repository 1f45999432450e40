"""What a minute of a recipe's own work took on this machine, as plain values; `run/` measures them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from danlu.compute.local.calibration import STAGE_OF, Ratio
from danlu.compute.local.workload import Replies

Likeness = Literal["recipe", "base", "machine"]
# standard deviation of log(actual / predicted) after a probe: of this recipe, of another with the same base, of any.
# The same evaluation, twice on one virtual machine, took 95 and 110 s: more than 0.07 cannot be had there.
_TIME: Mapping[Likeness, float] = {"recipe": 0.07, "base": 0.12, "machine": 0.25}
_MEMORY: Mapping[Likeness, float] = {"recipe": 0.05, "base": 0.08, "machine": 0.2}
_BUSY_SIGMA = 0.12  # added where another program took part of the processor meanwhile
BUSY = 0.05  # share of the processor from which on that is said and allowed for


@dataclass(frozen=True, slots=True)
class Measured:
    """The same piece of work as it was measured, and as the formulas alone have it: seconds or bytes."""

    measured: float
    model: float


@dataclass(frozen=True, slots=True)
class Counted:
    """A recipe's work counted over its real data and items, where the probe saw them whole.

    questions: of each kind of question, tokens of a prompt, those that all share, and the replies of the base.
    scoring: of each kind of text, tokens of a request and of its continuations.
    """

    rows: int
    tokens: float
    supervised: float
    unshared: float
    document: float
    pack: float
    questions: tuple[tuple[float, float, Replies | None], ...] = ()
    scoring: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Probe:
    """Measurements on one machine.

    times: by part (compute/local/seconds.py); memories: peaks by phase. rates: "bf16" and "fp32" FLOP/s of products of
    the recipe's own shapes, "memory" bytes/s. busy: share of the processor that other programs took. took_s: how long
    the probe took. likeness: what the probed recipe has in common with the planned one.
    """

    times: Mapping[str, Measured]
    memories: Mapping[str, Measured]
    rates: Mapping[str, float]
    counted: Counted | None = None
    busy: float = 0.0
    took_s: float = 0.0
    likeness: Likeness = "recipe"

    def seen(self, likeness: Likeness) -> Probe:
        """The same probe for another recipe, whose work it did not count."""
        return self if likeness == "recipe" else replace(self, likeness=likeness, counted=None)

    def time(self, part: str) -> Ratio | None:
        """Actual over predicted time of a part, None where it was not measured."""
        found = self.times.get(part)
        sigma = math.hypot(_TIME[self.likeness], _BUSY_SIGMA if self.busy > BUSY else 0.0)
        return None if found is None or found.model <= 0 else Ratio.known(found.measured / found.model, sigma)

    def memory(self, phase: str) -> Ratio | None:
        """The same of a phase's peak, which is measured as that of its stage."""
        found = self.memories.get(STAGE_OF.get(phase, phase))
        return None if found is None else Ratio.known(found.measured / found.model, _MEMORY[self.likeness])

    def to_json(self) -> dict[str, Any]:
        """As `plan.json` and the cache hold it."""
        return asdict(self)

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> Probe:
        """The other way round. Raises KeyError or TypeError for what is none."""
        counted = described["counted"]
        if counted is not None:
            counted = Counted(
                **{
                    **counted,
                    "questions": tuple(
                        (prompt, shared, None if replies is None else Replies(**replies))
                        for prompt, shared, replies in counted["questions"]
                    ),
                    "scoring": tuple((tokens, own) for tokens, own in counted["scoring"]),
                }
            )
        measured = {
            name: {part: Measured(**values) for part, values in described[name].items()}
            for name in ("times", "memories")
        }
        return cls(**{**described, **measured, "counted": counted})
