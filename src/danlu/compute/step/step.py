"""The time of one optimiser step, as a sum that one can read.

Sources: Narayanan et al. 2021, arXiv 2104.04473 (pipeline: a bubble of (p - 1)/(v m) of the work); Rajbhandari et al.
2020, arXiv 1910.02054 (what sharding sends); Zhao et al. 2023, arXiv 2304.11277 (fully sharded data parallel).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from danlu.compute.catalogue import ELEMENT_BYTES
from danlu.compute.estimate import Estimate
from danlu.compute.job import Job
from danlu.compute.step.constants import STEP, StepConstants
from danlu.compute.step.counted import Counted, count_step
from danlu.compute.step.layers import Passes, host_s, local_tokens, passes
from danlu.compute.step.network import Group, gather_s, reduce_s, send_s, stages_cross
from danlu.compute.step.rates import Rates


@dataclass(frozen=True, slots=True)
class StepTime:
    """Seconds of an optimiser step on the slowest device, by what they go to; communication is what is not hidden.

    memory_ops: norms, activations, losses. casts: to and from fp8, fp4. imbalance: waiting for the fullest stage.
    host: waiting for kernels to be started.
    """

    products: float
    attention: float
    memory_ops: float
    casts: float
    recompute: float
    tensor: float
    context: float
    expert: float
    data: float
    bubble: float
    imbalance: float
    stages: float
    host: float
    optimiser: float
    counted: Counted

    @property
    def parts(self) -> dict[str, float]:
        """Seconds by name; they add up to the total."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "counted"}

    @property
    def total(self) -> float:
        """Of the step."""
        return float(sum(self.parts.values()))

    @property
    def tokens_per_s_per_device(self) -> float:
        """As published tables print it."""
        return self.counted.tokens / self.counted.devices / self.total

    def mfu(self, *, causal: bool = True) -> float:
        """The model's products in the peak of the job's precision, recomputed ones not counted.

        causal: attention counts only pairs that it looks at; without, all of them, the convention of Chowdhery et al.
        2022 (arXiv 2204.02311).
        """
        done = self.counted.flops if causal else self.counted.flops_noncausal
        return done / (self.total * self.counted.peak_flops_per_s * self.counted.devices)


def step_time(job: Job, constants: StepConstants = STEP) -> StepTime:
    """The step's time in parts."""
    rates = Rates.of(job, constants)
    one = passes(job, rates, constants)
    layout, count = job.layout, job.micro_batches
    base = one.forward + one.backward + one.head
    share = count / layout.pp
    busy = one.total.total / layout.pp  # a mean stage and micro-batch
    pace = _pace(job, one)
    bubble = _bubble(job) * busy
    return StepTime(
        products=base.products * share,
        attention=base.attention * share,
        memory_ops=base.memory_ops * share,
        casts=base.casts * share,
        recompute=one.again.total * share,
        tensor=base.tensor * share,
        context=base.context * share,
        expert=base.expert * share,
        data=_data(job, rates, constants, pace),
        bubble=bubble,
        imbalance=_imbalance(job, one) * count,
        stages=_stages(job, rates, constants) * count,
        host=pace.waiting * count,
        optimiser=_optimiser(job, rates),
        counted=count_step(job, rates, one),
    )


def estimate(job: Job, constants: StepConstants = STEP) -> Estimate:
    """Seconds of a step with their interval."""
    return Estimate.of(step_time(job, constants).total / job.goodput, _sigma(job))


_SIGMA = 0.11  # of log(actual / predicted) for publishers that the constants had not seen; more for what adds doubt
_SIGMA_EXPERTS = 0.22  # routing's kernels and host time differ from release to release
_SIGMA_GUESSED = 0.10
_SIGMA_UNMEASURED = 0.15  # nobody measured what products reach on this device
_WEIGHTY = {"layout", "number of devices", "architecture from its size"}


def _sigma(job: Job) -> float:
    device = job.cluster.device
    doubts = [_SIGMA]
    if job.architecture.experts is not None:
        doubts.append(_SIGMA_EXPERTS)
    if _WEIGHTY & set(job.guesses):
        doubts.append(_SIGMA_GUESSED)
    if not device.reach:
        doubts.append(_SIGMA_UNMEASURED)
    return math.hypot(*doubts)


@dataclass(frozen=True, slots=True)
class _Pace:
    """Seconds of a micro-batch in a mean stage, forward and backward, with waiting for the host in them."""

    forward: float
    backward: float
    waiting: float


def _pace(job: Job, one: Passes) -> _Pace:
    """The longer of host and device sets the pace; backward starts twice as many kernels as forward."""
    pp = job.layout.pp
    host = host_s(job) / pp
    ahead, back = one.forward.total / pp, (one.backward + one.again).total / pp
    forward, backward = _longer(ahead, host / 3), _longer(back, host * 2 / 3)
    return _Pace(forward, backward, forward + backward - ahead - back)


def _longer(device: float, host: float) -> float:
    return float((device**4 + host**4) ** 0.25)


def _bubble(job: Job) -> float:
    """Micro-batches' worth of waiting. Zero bubble: Qi et al. 2023, arXiv 2401.10241; DualPipe: DeepSeek-AI 2024,
    arXiv 2412.19437, table 2."""
    layout = job.layout
    if layout.schedule == "serial":
        return (layout.pp - 1.0) * job.micro_batches
    waits = (layout.pp - 1) / layout.virtual_stages
    return waits / 3 if layout.schedule in {"zero-bubble", "dualpipe"} else waits


def _imbalance(job: Job, one: Passes) -> float:
    """Seconds by which the fullest stage is slower than the mean, for each micro-batch.

    The last stage has the head. Layers that do not divide by the stages leave it, or the first one, fewer.
    """
    pp, layers = job.layout.pp, job.architecture.num_layers
    if pp == 1:
        return 0.0
    layer = (one.forward + one.backward + one.again).total / layers
    head = one.head.total
    mean = (layer * layers + head) / pp
    parts = pp * job.layout.virtual_stages
    if layers % parts == 0 or layers % pp == 0:
        fullest = layer * layers / pp + head
    else:
        rest = -(-layers // parts) * job.layout.virtual_stages
        last = max(0.0, layers - rest * (pp - 1))
        fullest = max(rest * layer, last * layer + head)
        fullest = min(fullest, -(-layers // pp) * layer + head)
    return max(0.0, fullest - mean)


def _stages(job: Job, rates: Rates, constants: StepConstants) -> float:
    """Activations and their gradients between stages, for each micro-batch; interleaved schedules hide them."""
    layout = job.layout
    if layout.pp == 1:
        return 0.0
    # Megatron sends each device of a tensor-parallel group its part; DeepSpeed's engine sends the whole from each.
    parts = 1 if job.software.framework == "megatron-deepspeed" else layout.tp
    data = local_tokens(job) * job.architecture.width * 2.0 / parts
    sent = 2 * layout.virtual_stages * send_s(data, rates, crosses=stages_cross(job))
    return sent * (constants.contention if layout.virtual_stages > 1 else 1.0)


def weights_per_device(job: Job) -> tuple[float, float]:
    """Parameters of a device before data parallelism divides them: those outside experts, and routed experts."""
    shape, layout = job.architecture, job.layout
    routed = shape.routed_parameters / (layout.pp * layout.ep)
    return (shape.num_parameters - shape.routed_parameters) / (layout.pp * layout.tp), routed


def _optimiser(job: Job, rates: Rates) -> float:
    """Weights, gradients and states are read and written once: about 34 bytes a parameter with a fused Adam.

    PyTorch's own, list by list, goes over them about twice as often.
    Muon (Jordan 2024) does five steps of Newton and Schulz, six products of the width for each weight.
    """
    layout = job.layout
    dense, routed = weights_per_device(job)
    shards = layout.shards if layout.sharding != "none" else 1
    held = dense / shards + routed / max(1.0, shards * layout.tp / layout.ep)
    products = 30.0 * job.architecture.width * held / rates.head if job.optimiser == "muon" else 0.0
    passes_of = 1.0 if job.software.framework.startswith(("megatron", "deepspeed", "jax")) else 2.0
    return held * 34.0 * passes_of / rates.memory + products


def _data(job: Job, rates: Rates, constants: StepConstants, pace: _Pace) -> float:
    """Gradients and weights between data-parallel devices, as far as the rest of a micro-batch does not hide it."""
    layout = job.layout
    ranks = layout.dp * layout.cp
    if ranks == 1:
        return 0.0
    if layout.sharding == "zero3":
        return _sharded(job, rates, constants, pace)
    dense, routed = weights_per_device(job)
    stride = layout.tp
    group = Group.of(job.cluster, ranks, stride)
    sent = ELEMENT_BYTES[job.numerics.reduced or job.numerics.gradients]
    hop = constants.hop_s
    comm = gather_s(dense * sent, group, rates, hop) + gather_s(dense * 2.0, group, rates, hop)
    if routed:
        others = Group.of(job.cluster, max(1, ranks * layout.tp // layout.ep), layout.ep)
        comm += gather_s(routed * sent, others, rates, hop) + gather_s(routed * 2.0, others, rates, hop)
    if layout.sharding == "none":
        comm = reduce_s(dense * sent, group, rates, hop)
    hides = pace.forward + pace.backward if _overlaps(job) else 0.0
    return max(0.0, comm - hides) + constants.contention * min(comm, hides)


def _overlaps(job: Job) -> bool:
    """Whether gradients travel during the backward pass: always without a pipeline, in pipelines since 2023."""
    software = job.software
    if software.year >= 2023.4:
        return True
    return job.layout.pp == 1 and not software.framework.startswith("megatron")


def _sharded(job: Job, rates: Rates, constants: StepConstants, pace: _Pace) -> float:
    """Full sharding, for each micro-batch: weights are gathered before the forward pass, and again before the backward
    one unless kept; gradients are scattered, within copies too where a part of the ranks share one.

    In a pipeline that keeps its weights both happen once a step, behind the first and the last micro-batch.
    """
    layout = job.layout
    ranks = layout.dp * layout.cp
    dense, routed = weights_per_device(job)
    data = dense + routed
    group = Group.of(job.cluster, layout.shards, layout.tp)
    others = Group.of(job.cluster, max(1, layout.shards * layout.tp // layout.ep), layout.ep)  # hold the same experts
    hop, sent = constants.hop_s, ELEMENT_BYTES[job.numerics.reduced or job.numerics.gradients]
    lanes = 1 if job.software.year < 2022.6 else None
    layers = job.architecture.num_layers

    def collected(each: float) -> float:
        experts = gather_s(routed * each, others, rates, hop * layers, lanes=lanes)
        return experts + gather_s(dense * each, group, rates, hop * layers, lanes=lanes)

    gather, scatter = collected(2.0), collected(sent)
    before = gather
    behind = scatter + (gather if layout.reshard else 0.0)
    shown = max(0.0, before - pace.forward) + max(0.0, behind - pace.backward)
    hidden = before + behind - shown
    # PyTorch copies gathered weights out of a flat buffer and gradients into it, about 16 bytes a weight and
    # micro-batch; Megatron's own full sharding works in the buffers (its documentation: "zero copy").
    copies_s = 0.0 if job.software.framework in {"megatron", "jax"} else data * 16.0 / rates.memory
    rounds = 1 if layout.pp > 1 and not layout.reshard else job.micro_batches
    total = rounds * (shown + constants.contention * hidden + gather / layers + copies_s)
    if layout.shards < ranks:
        copies = Group.of(job.cluster, ranks // layout.shards, layout.tp * layout.shards)
        total += reduce_s(data * sent / layout.shards, copies, rates, hop)
    return total
