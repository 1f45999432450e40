"""How long an optimiser step takes, and what it waits for."""

from danlu.compute.step.constants import STEP, StepConstants
from danlu.compute.step.counted import Counted
from danlu.compute.step.relief import bottleneck, by_resource, relief
from danlu.compute.step.step import StepTime, estimate, step_time

__all__ = [
    "STEP",
    "Counted",
    "StepConstants",
    "StepTime",
    "bottleneck",
    "by_resource",
    "estimate",
    "relief",
    "step_time",
]
