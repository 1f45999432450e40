"""How far published measurements lie from the predictions: standard deviations of log(actual / predicted).

From publishers that the constants were not fitted on (leave one publisher out), so that four in five lie within.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from danlu.compute.serving.question import Mode, Question

ServingTarget = Literal["throughput", "ttft", "tpot"]
_SIGMAS: Mapping[tuple[ServingTarget, str], float] = {
    ("throughput", "single"): 0.36,
    ("throughput", "many"): 0.5,
    ("tpot", "single"): 0.35,
    ("tpot", "many"): 0.46,
    ("ttft", "single"): 0.68,
    ("ttft", "many"): 1.1,
}
_ALONE: frozenset[Mode] = frozenset({"single", "decode", "prefill"})


def sigma(target: ServingTarget, question: Question) -> float:
    """Of one client or phase alone, or of many together."""
    return _SIGMAS[target, "single" if question.load.mode in _ALONE else "many"]
