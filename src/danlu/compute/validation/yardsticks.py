"""What simple rules say of the same rows: a planner that does not beat them is not worth its formulas."""

from __future__ import annotations

from danlu.compute.job import Job
from danlu.compute.validation.case import Case

_MFU = 0.4


def yardsticks(case: Case) -> tuple[tuple[str, float], ...]:
    """(name, what it says) of each rule that has a word on this case."""
    question = case.question
    if isinstance(question, Job) and case.target in {"step_time", "finetune_step_time"}:
        return (("constant 40% MFU", constant_mfu_s(question)),)
    if isinstance(question, Job):
        return (("16 bytes a parameter", states_bytes(question)),)
    return ()


def constant_mfu_s(job: Job) -> float:
    """A step at 40% of peak: 6 FLOPs a weight and token (4 where it is frozen), causal attention, no recompute."""
    shape, document = job.architecture, job.batch.document or job.batch.mean or job.batch.seq_len
    passes = 2 if job.tuning.adapted else 3
    flops = passes * shape.forward_flops(job.tokens_per_step, document)
    devices = max(1, job.cluster.num_devices)
    return flops / (_MFU * job.cluster.device.flops_per_s(job.numerics.compute) * devices)


def states_bytes(job: Job) -> float:
    """Weights, gradients and Adam's states in mixed precision, evenly over all devices (arXiv 1910.02054)."""
    weights = job.architecture.num_parameters
    trained = 0.01 * weights if job.tuning.adapted else weights
    devices = max(1, job.layout.num_devices if job.layout.sharding == "zero3" else job.layout.tp * job.layout.pp)
    return (2 * (weights - trained) + 16 * trained) / devices
