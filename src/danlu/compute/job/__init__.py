"""A training job as a planner sees it."""

from danlu.compute.job.check import check
from danlu.compute.job.job import Batch, Job, Numerics, Savings, Software, Tuning
from danlu.compute.job.layout import Layout

__all__ = ["Batch", "Job", "Layout", "Numerics", "Savings", "Software", "Tuning", "check"]
