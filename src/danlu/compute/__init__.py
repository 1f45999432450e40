"""The plan of a run: hardware catalogue, memory, time, money. Torch-free, and answered in well under a second."""

from danlu.compute.catalogue import CATALOGUE, ISAS, Device, Isa, cpu, find
from danlu.compute.local.calibration import Calibration, Ratio
from danlu.compute.local.planner import Plan, StageTime, plan
from danlu.compute.local.shapes import Shapes
from danlu.compute.local.workload import Questions, Scoring, Workload

__all__ = [
    "CATALOGUE",
    "ISAS",
    "Calibration",
    "Device",
    "Isa",
    "Plan",
    "Questions",
    "Ratio",
    "Scoring",
    "Shapes",
    "StageTime",
    "Workload",
    "cpu",
    "find",
    "plan",
]
