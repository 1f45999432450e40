"""Memory of a training job, phase by phase and item by item: the peak is the largest phase, not their sum.

A step rises to the loss (all activations, logits), falls back through the layers (gradients come as activations go),
and ends in the optimiser. Sources: those of states.py, activations.py and stage.py; PyTorch's and DeepSpeed's own
pages for buffers (FSDP: the next unit is gathered while one is computed; DeepSpeed: buckets of 5e8 elements).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from danlu.compute.catalogue import ELEMENT_BYTES
from danlu.compute.estimate import Estimate
from danlu.compute.job import Job
from danlu.compute.memory.activations import Layer, layer, tokens
from danlu.compute.memory.constants import MEMORY, MemoryConstants
from danlu.compute.memory.stage import Stage, held, stages
from danlu.compute.memory.states import States, accumulates_whole, base_bytes, holds_stream_gradients, states
from danlu.compute.phases import Memory

Phase = Literal["loss", "backward, last layer", "backward, first layer", "optimiser", "rollout"]


def memory(job: Job, constants: MemoryConstants = MEMORY) -> Memory:
    """Of the fullest pipeline stage, as the job's counter (allocated, reserved, nvidia-smi) would show it."""
    return max((_of_stage(job, stage, constants) for stage in stages(job)), key=lambda found: found.peak_bytes)


def estimate(job: Job, constants: MemoryConstants = MEMORY) -> Estimate:
    """The peak in bytes with its 80% interval, as wide as unseen publishers showed."""
    return Estimate.of(memory(job, constants).peak_bytes, _sigma(job))


def _sigma(job: Job) -> float:
    """Of log(actual / predicted) over publishers: what tensors take is known best, a mixture's allocator least."""
    if job.tuning.method == "pretrain":
        return 0.17
    if job.architecture.experts is not None:
        return 0.35
    if job.software.counter == "allocated":
        return 0.16 if _ragged(job) else 0.10
    return 0.27


def _ragged(job: Job) -> bool:
    """Whether row lengths differ from batch to batch."""
    batch = job.batch
    return batch.longest is not None and batch.mean is not None and batch.mean < batch.longest


def _of_stage(job: Job, stage: Stage, constants: MemoryConstants) -> Memory:
    have, inside = states(job, stage), layer(job)
    base = {"weights": have.weights + _others(job, stage), "adapters": have.adapters, "optimiser": have.optimiser}
    gathered = _gathered(job, stage)
    kept = stage.layers * stage.in_flight * inside.kept
    working = inside.whole - inside.kept + inside.gradients if job.recompute != "none" else inside.gradients
    logits = _logits(job, constants) if stage.head else 0.0
    layer_gradients = have.gradients / max(stage.layers, 1.0)
    waiting = have.gradients if job.micro_batches > 1 or job.layout.pp > 1 else 0.0
    if job.savings.in_backward:
        waiting, ending = 0.0, layer_gradients
    else:
        ending = have.gradients
    if job.savings.activation_offload:
        kept = min(kept, 2 * inside.kept)
    always = {**base, "gathered weights and buckets": gathered, "product workspaces": constants.workspace_bytes}
    early = kept * (stage.in_flight - 1) / stage.in_flight  # of micro-batches that came later
    phases: dict[str, dict[str, float]] = {
        "loss": {
            **always,
            "gradients": waiting,
            "activations": kept,
            "head's input": tokens(job) * job.architecture.width * 8.0 if stage.head else 0.0,
            "logits": logits,
        },
        "backward, last layer": {
            **always,
            "gradients": max(waiting, layer_gradients),
            "activations": kept + working,
            "head's input": tokens(job) * job.architecture.width * 2.0,
            "the stream's gradients": stage.layers * inside.entry if holds_stream_gradients(job) else 0.0,
        },
        "backward, first layer": {**always, "gradients": ending, "activations": early + inside.kept + working},
        "optimiser": {**base, "gradients": ending, "the optimiser's copies": have.step},
    }
    if job.tuning.method in {"ppo", "grpo"}:
        phases["rollout"] = {**base, "cache of keys and values": _cache(job), "gathered weights and buckets": gathered}
    return Memory(_counted(job, phases, constants))


_BINARY = 1.05  # bytes of a device's memory over its nominal ones: makers' GB are 2^30, less what the driver keeps
RESTS = frozenset({"weights", "adapters", "optimiser"})  # items that stay where they are from step to step


def _counted(
    job: Job, phases: Mapping[str, Mapping[str, float]], constants: MemoryConstants
) -> dict[str, dict[str, float]]:
    """What the counter adds to what tensors take: memory that the allocator holds for other phases, gaps, the context.

    No counter shows more than the device has: an allocator that meets its end gives back what lies idle.
    """
    found = {phase: {name: value for name, value in items.items() if value > 0} for phase, items in phases.items()}
    counter = job.software.counter
    if counter == "allocated":
        return found
    names = dict.fromkeys(name for items in found.values() for name in items)  # in order: a sum must not vary
    highest = {name: max(items.get(name, 0.0) for items in found.values()) for name in names}
    gaps = constants.ragged if _ragged(job) else constants.scatter
    seen = {"device context": constants.context_bytes} if counter == "nvidia-smi" else {}
    if counter == "nvidia-smi":
        seen["collectives"] = collective_bytes(job, constants)
    for items in found.values():
        allocated = sum(items.values())
        moving = sum(value for name, value in items.items() if name not in RESTS | {"gradients"})
        held_back = constants.unshared * (sum(highest.values()) - allocated) + gaps * moving
        room = _BINARY * job.cluster.device.memory_bytes - allocated - sum(seen.values())
        items["held by the allocator"] = max(0.0, min(held_back, room))
        items.update(seen)
    return found


def collective_bytes(job: Job, constants: MemoryConstants = MEMORY) -> float:
    """Buffers of the collective library: of each group that a device is in."""
    layout = job.layout
    return constants.collective_bytes * sum(degree > 1 for degree in (layout.dp, layout.tp, layout.pp, layout.cp))


def _logits(job: Job, constants: MemoryConstants) -> float:
    """Of the loss: in several copies, in one under a kernel that writes in place, or in 16 bits but for a chunk."""
    each = {
        "full": constants.logit_bytes,
        "kernel": constants.kernel_logit_bytes,
        "chunked": 2.2,
        "fused": 0.0,
    }[job.software.loss]
    return tokens(job) * job.architecture.vocab_size * each / job.layout.tp


def _gathered(job: Job, stage: Stage) -> float:
    """Whole weights under full sharding (a layer, the next one, and what lies outside layers); buckets and copies."""
    layout, mine, size = job.layout, held(job, stage), max(2.0, ELEMENT_BYTES[job.numerics.compute])
    found = 0.0
    dequantised = 0.0
    if job.tuning.quant != "none":
        widest = max(m.inputs * m.outputs for m, _ in job.architecture.matrices)
        dequantised = size * widest / layout.tp
    if layout.sharding == "zero3" and layout.shards > 1:
        each = base_bytes(job) if job.tuning.quant != "none" else size
        layers = each * (mine.matrices + mine.norms) + each * mine.routed
        if job.architecture.experts is not None and layout.ep > 1:
            layers = each * (mine.matrices + mine.norms + mine.routed)
        outside = size * mine.outside
        if not layout.reshard:
            return found + layers + outside + dequantised
        found += outside + min(layers, 2 * layers / stage.layers)
        if not job.tuning.adapted and not accumulates_whole(job):
            found += (
                min(layers, layers / stage.layers)
                * ELEMENT_BYTES[job.numerics.reduced or job.numerics.gradients]
                / each
            )
    elif layout.sharding in {"zero1", "zero2"} and "deepspeed" in job.software.framework:
        found += min(1e9, size * mine.total) * (1 if job.tuning.adapted else 2)
    if job.numerics.weights == "fp32" and size < 4 and layout.sharding != "zero3":
        found += size * mine.total  # automatic mixed precision keeps its casts of the weights
    return found + dequantised


def _others(job: Job, stage: Stage) -> float:
    """Frozen or trained models beside the one in training: the reference, the reward model, the critic."""
    method = job.tuning.method
    if method not in {"dpo", "ppo", "grpo"}:
        return 0.0
    frozen = replace(job, tuning=replace(job.tuning, adapter=True, method="lora"))
    reference = 0.0 if job.tuning.adapter else states(frozen, stage).weights
    if method != "ppo":
        return reference
    critic: States = states(job, stage)
    return reference + states(frozen, stage).weights + critic.weights + critic.gradients + critic.optimiser


def _cache(job: Job) -> float:
    """Of the micro-batch's answers as long as rows may be."""
    row = job.batch.longest or job.batch.seq_len
    return (
        job.batch.micro * job.architecture.kv_bytes(row, max(2.0, ELEMENT_BYTES[job.numerics.compute])) / job.layout.tp
    )


__all__ = ["Layer", "Memory", "Phase", "estimate", "memory"]
