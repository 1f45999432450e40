"""What a step computes and moves, beside how long it takes: tokens, FLOPs, bytes, and the rates that were used.

FLOPs: Kaplan et al. 2020, arXiv 2001.08361; Narayanan et al. 2021, arXiv 2104.04473.
"""

from __future__ import annotations

from dataclasses import dataclass

from danlu.compute.catalogue import ELEMENT_BYTES
from danlu.compute.job import Job
from danlu.compute.step.layers import Passes, local_tokens
from danlu.compute.step.network import Group, stages_cross
from danlu.compute.step.rates import Rates


@dataclass(frozen=True, slots=True)
class Counted:
    """Of all devices: tokens, flops (attention causal), flops_noncausal, flops_again (recomputed). Of one device in
    bytes: operands of products by the precision in which they are read, element-wise traffic, casts. across: parts
    whose communication leaves the link domain.
    """

    tokens: float
    devices: int
    peak_flops_per_s: float
    flops: float
    flops_noncausal: float
    flops_again: float
    operand_bytes: float
    elementwise_bytes: float
    cast_bytes: float
    rates: Rates
    across: frozenset[str]


def count_step(job: Job, rates: Rates, one: Passes) -> Counted:
    """From the job, and from the seconds of one micro-batch."""
    shape, layout, batch = job.architecture, job.layout, job.batch
    document = batch.document or batch.seq_len
    tokens = job.tokens_per_step
    flops = 3 * shape.forward_flops(tokens, document)
    layers = 2 * shape.active_matrix_parameters * tokens + shape.attention_flops(tokens, document)
    part = {"full": 1.0, "selective": 0.5 if job.software.framework == "torchtitan" else 0.0}.get(job.recompute, 0.0)
    share = job.micro_batches / layout.pp
    work = one.total
    return Counted(
        tokens=tokens,
        devices=job.cluster.num_devices,
        peak_flops_per_s=job.cluster.device.flops_per_s(job.numerics.compute),
        flops=flops,
        flops_noncausal=3 * shape.forward_flops(tokens, 2 * document),
        flops_again=part * layers,
        operand_bytes=_operands(job) * share,
        elementwise_bytes=work.memory_ops * rates.memory * share,
        cast_bytes=work.casts * rates.memory * share,
        rates=rates,
        across=_across(job),
    )


def _operands(job: Job) -> float:
    """Bytes that products of one micro-batch read and write: weights twice and gradients once, activations thrice."""
    shape, layout = job.architecture, job.layout
    each = ELEMENT_BYTES[job.numerics.compute]
    tokens = local_tokens(job)
    total = 0.0
    for matrix, layers in shape.matrices:
        split = layout.ep if matrix.name.startswith("expert_") else layout.tp
        weights = matrix.num_parameters / split * (2 * each + 8)
        activations = tokens * matrix.used * (matrix.inputs + matrix.outputs) / layout.tp * (2 * each + 2)
        total += layers * (weights + activations)
    return total


def _across(job: Job) -> frozenset[str]:
    layout, cluster = job.layout, job.cluster
    groups = {
        "tensor": Group.of(cluster, layout.tp),
        "context": Group.of(cluster, layout.cp, layout.tp),
        "expert": Group.of(cluster, layout.ep),
        "data": Group.of(cluster, layout.dp * layout.cp, layout.tp),
    }
    found = {name for name, group in groups.items() if group.crosses}
    return frozenset(found | ({"stages"} if stages_cross(job) else set()))
