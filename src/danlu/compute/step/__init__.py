"""How long an optimiser step takes, and what it waits for."""

from danlu.compute.step.constants import STEP, StepConstants
from danlu.compute.step.step import StepTime, estimate, step_time

__all__ = ["STEP", "StepConstants", "StepTime", "estimate", "step_time"]
