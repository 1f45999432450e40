"""The planner: what a run of a language model will take, before anything is spent. Torch-free, answered in a second.

Names are imported when they are first asked for: a plan from flags alone needs no recipe, a recipe's plan no layouts.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from danlu.compute.answer import Answer, plan
    from danlu.compute.architecture import Architecture
    from danlu.compute.catalogue import CATALOGUE, ISAS, Cluster, Device, Isa, cpu, find
    from danlu.compute.estimate import Estimate
    from danlu.compute.job import Batch, Job, Layout, Numerics, Software, Tuning
    from danlu.compute.local.calibration import Calibration, Ratio
    from danlu.compute.local.planner import Plan, StageTime
    from danlu.compute.local.planner import plan as plan_stages
    from danlu.compute.local.probe import Probe
    from danlu.compute.local.workload import Questions, Replies, Scoring, Workload
    from danlu.compute.question import Question

_ROOMS = {
    "answer": ("Answer", "plan"),
    "architecture": ("Architecture",),
    "catalogue": ("CATALOGUE", "ISAS", "Cluster", "Device", "Isa", "cpu", "find"),
    "estimate": ("Estimate",),
    "job": ("Batch", "Job", "Layout", "Numerics", "Software", "Tuning"),
    "local.calibration": ("Calibration", "Ratio"),
    "local.planner": ("Plan", "StageTime", "plan_stages"),
    "local.probe": ("Probe",),
    "local.workload": ("Questions", "Replies", "Scoring", "Workload"),
    "question": ("Question",),
}
_RENAMED = {"plan_stages": "plan"}  # the plan of a recipe's stages on one device
_HOME = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [
    "CATALOGUE",
    "ISAS",
    "Answer",
    "Architecture",
    "Batch",
    "Calibration",
    "Cluster",
    "Device",
    "Estimate",
    "Isa",
    "Job",
    "Layout",
    "Numerics",
    "Plan",
    "Probe",
    "Question",
    "Questions",
    "Ratio",
    "Replies",
    "Scoring",
    "Software",
    "StageTime",
    "Tuning",
    "Workload",
    "cpu",
    "find",
    "plan",
    "plan_stages",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), _RENAMED.get(name, name))
