"""How long an iteration of fine-tuning takes, as a sum that one can read.

The device's work and the host's starting of kernels go on at once, the longer decides; a share of communication
hides behind the device's work; the optimiser's step is a phase of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from danlu.compute.catalogue import ELEMENT_BYTES
from danlu.compute.estimate import Estimate
from danlu.compute.job import Job
from danlu.compute.step import tuning_work as work
from danlu.compute.step.constants import STEP
from danlu.compute.step.layers import local_tokens
from danlu.compute.step.network import Group, gather_s, reduce_s
from danlu.compute.step.rates import Rates


@dataclass(frozen=True, slots=True)
class TuningConstants:
    """What no data sheet has, fitted on published fine-tuning runs, one publisher left out at a time.

    products: share of a large product's rate that a step's products hold. eager: times that eager pointwise traffic
    costs what its bytes say. fused: the share of it that is left where kernels are fused. dequantise: share of the
    memory's rate at which a quantised base is unpacked. start: host seconds for an operation, as a multiple of the
    device's op_s. link: share of the line rate that collectives of one layer's weights reach. overlap: share of them
    that the device's work can hide. update: times that an optimiser's states are read and written. iteration_s: seconds
    of a micro-batch in which no device works (loader, logging, waiting).
    """

    products: float = 0.86
    eager: float = 0.75
    fused: float = 0.43
    dequantise: float = 0.25
    start: float = 3.1
    link: float = 0.28
    overlap: float = 0.45
    update: float = 1.6
    iteration_s: float = 0.006


TUNING = TuningConstants()
_SIGMA = 0.25
_MEMORY_SHARE = 0.8  # of the memory's line rate that a streaming kernel reaches
_HOST_BUS_BYTES_PER_S = 12e9  # to and from pinned host memory over PCIe 4
_NO_PEER_BYTES_PER_S = 6e9  # between cards without links of their own: through the host's memory, by all of them
_NEW_TOKENS = 512.0  # of a rollout, where nobody told


@dataclass(frozen=True, slots=True)
class TuningTime:
    """Seconds of an iteration by what they go into; `total` is their sum. host: what kernels wait for beyond work."""

    products: float = 0.0
    attention: float = 0.0
    pointwise: float = 0.0
    adapters: float = 0.0
    dequantise: float = 0.0
    loss: float = 0.0
    host: float = 0.0
    communication: float = 0.0
    optimiser: float = 0.0
    reference: float = 0.0
    rollout: float = 0.0

    @property
    def total(self) -> float:
        """Seconds of the iteration."""
        return float(sum(getattr(self, part.name) for part in fields(self)))


def tuning_time(job: Job, constants: TuningConstants = TUNING) -> TuningTime:
    """One iteration: `job.micro_batches` micro-batches and one step of the optimiser."""
    rates = _rates(job, constants)
    rounds = float(job.micro_batches) * _rows_of_a_sample(job)
    touched = constants.fused if job.software.compiled else 1.0
    products = work.products_s(job, rates)
    attention = work.attention_s(job, rates)
    pointwise = work.pointwise_bytes(job) * constants.eager * touched / rates.memory
    adapters = work.adapter_bytes(job) * constants.eager * touched / rates.memory
    dequantise = work.dequantised_bytes(job) / (job.cluster.device.memory_bytes_per_s * constants.dequantise)
    loss = work.loss_bytes(job) / rates.memory
    busy = products + attention + pointwise + adapters + dequantise + loss
    started = work.started_kernels(job) * job.cluster.device.op_s * constants.start
    paced = _longer(busy, started)
    sent = _gathered_s(job, rates) * rounds + _reduced_s(job, rates)
    return TuningTime(
        products=products * rounds,
        attention=attention * rounds,
        pointwise=pointwise * rounds,
        adapters=adapters * rounds,
        dequantise=dequantise * rounds,
        loss=loss * rounds,
        host=(paced - busy + constants.iteration_s) * rounds,
        communication=sent - min(constants.overlap * sent, paced * rounds),
        optimiser=_optimiser_s(job, rates, constants.update),
        reference=_reference_s(job, busy) * rounds,
        rollout=_rollout_s(job, rates) * rounds,
    )


def estimate(job: Job, constants: TuningConstants = TUNING) -> Estimate:
    """Seconds of an iteration with the interval that published runs of other publishers allow."""
    return Estimate.of(tuning_time(job, constants).total, _SIGMA)


def _rates(job: Job, constants: TuningConstants) -> Rates:
    """A training step's rates with these shares; cards without links of their own exchange through the host."""
    rates = Rates.of(job, replace(STEP, sustained=constants.products, memory=_MEMORY_SHARE, link=constants.link))
    if job.cluster.link_domain <= 1 and job.cluster.num_devices <= job.cluster.devices_per_node:
        slow = min(rates.link, _NO_PEER_BYTES_PER_S)
        rates = replace(rates, link=slow, network=slow)
    return rates


def _longer(first: float, second: float) -> float:
    """The longer of two that go on at once, a little more where they are alike (a fourth-power mean)."""
    high, low = max(first, second), min(first, second)
    return float(high * (1 + (low / high) ** 4) ** 0.25) if high > 0 else 0.0


def _rows_of_a_sample(job: Job) -> float:
    """A preference is a pair of rows."""
    return 2.0 if job.tuning.method in {"dpo", "reward"} else 1.0


def _group(job: Job, size: int, stride: int = 1) -> Group:
    """Cards without links of their own are neighbours on the host's bus, whose rate `_rates` set."""
    alone = job.cluster.link_domain <= 1 and size <= job.cluster.devices_per_node
    return Group(size, size) if alone else Group.of(job.cluster, size, stride)


def _gathered_s(job: Job, rates: Rates) -> float:
    """Collectives of one micro-batch: sharded weights gathered forward and backward, tensor parallelism's sums."""
    layout, shape = job.layout, job.architecture
    seconds = 0.0
    if layout.sharding == "zero3" and layout.shards > 1:
        group = _group(job, layout.shards, layout.tp)
        hop = STEP.hop_s * shape.num_layers
        gathers = 2.0 if layout.reshard else 1.0
        size = work.base_bytes(job) / (layout.tp * layout.ep)
        seconds += gathers * gather_s(size, group, rates, hop)
        if not job.tuning.adapted:
            sent = ELEMENT_BYTES[job.numerics.reduced or job.numerics.gradients]
            seconds += gather_s(shape.num_parameters / (layout.tp * layout.ep) * sent, group, rates, hop)
    if layout.tp > 1:
        sums = 4.0 + (2.0 if job.recompute == "full" else 0.0)
        data = 2.0 * local_tokens(job) * shape.width
        seconds += sums * shape.num_layers * reduce_s(data, _group(job, layout.tp), rates, STEP.hop_s)
    if layout.offload and layout.sharding == "zero3":
        seconds += 2.0 * work.base_bytes(job) / layout.shards / _HOST_BUS_BYTES_PER_S
    return seconds


def _reduced_s(job: Job, rates: Rates) -> float:
    """Gradients summed once a step where they are not sharded with the weights."""
    layout = job.layout
    size = layout.dp * layout.cp
    if size <= 1 or (layout.sharding == "zero3" and not job.tuning.adapted):
        return 0.0
    sent = work.trained_parameters(job) * ELEMENT_BYTES[job.numerics.reduced or job.numerics.gradients]
    return reduce_s(sent / layout.tp, _group(job, size, layout.tp), rates, STEP.hop_s * job.architecture.num_layers)


def _optimiser_s(job: Job, rates: Rates, update: float) -> float:
    """States, gradient and weight read, states and weight written; what rests in the host's memory crosses the bus."""
    wide = 4.0 if job.numerics.masters or job.numerics.weights == "fp32" else 2.0
    small = {"adamw8bit": 2.0, "adafactor": 0.1, "sgd": 2.0, "lion": 2.0, "muon": 2.0}
    states = small.get(job.optimiser, 2 * wide)
    size = 2 * states + 3 * wide + (4.0 if job.numerics.masters else 0.0)
    layout = job.layout
    shards = 1 if layout.sharding == "none" else layout.shards
    trained = work.trained_parameters(job) / (shards * layout.tp * layout.pp)
    seconds = trained * size * update / rates.memory
    if layout.offload:
        seconds += trained * (2 * states + 2 * wide) / _HOST_BUS_BYTES_PER_S
    elif job.savings.paged and not job.tuning.adapted:
        over = trained * (states + 2 * wide) - 0.9 * job.cluster.device.memory_bytes
        seconds += 2 * max(0.0, over) / _HOST_BUS_BYTES_PER_S
    return seconds


def _reference_s(job: Job, busy: float) -> float:
    """A forward pass of a frozen model beside the trained one: DPO's reference; PPO's reference, reward and critic."""
    forward = busy / work.Rounds.of(job).products
    return {"dpo": 1.0, "ppo": 5.0, "grpo": 1.0}.get(job.tuning.method, 0.0) * forward


def _rollout_s(job: Job, rates: Rates) -> float:
    """Tokens that a policy writes itself, one after another: each reads all weights once for its whole batch."""
    if job.tuning.method not in {"ppo", "grpo"}:
        return 0.0
    cache = job.architecture.kv_bytes(job.batch.seq_len) * job.batch.micro
    return _NEW_TOKENS * (work.base_bytes(job) + cache) / job.layout.tp / rates.memory
