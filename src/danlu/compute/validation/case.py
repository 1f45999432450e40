"""A published figure, and the question to the planner that it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

Target = Literal["step_time", "memory", "finetune_step_time", "finetune_memory", "throughput", "ttft", "tpot"]
TARGETS: tuple[Target, ...] = get_args(Target)


@dataclass(frozen=True, slots=True)
class Case:
    """One figure of one row.

    actual: in the unit of its target: seconds (step_time, finetune_step_time: one iteration as the source counts
    them; ttft, tpot), bytes on the fullest device (memory), tokens a second of the whole deployment (throughput).
    publisher: whose figure it is; publishers count equally, and releases of one are one. mode: serving's modes are
    scored apart. question: what the target's predictor takes (a Job, a serving question); None where the row cannot
    be predicted, and `reason` says why. judges: whether the figure was measured and can be held against a planner;
    where not, `reason` says why.
    """

    id: str
    target: Target
    publisher: str
    actual: float
    question: Any
    mode: str = ""
    judges: bool = True
    reason: str = ""
