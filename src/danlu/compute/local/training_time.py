"""How long training takes: making ready, steps with their rehearsal, snapshots, and writing the model.

Constants were measured on SmolLM2-135M with PyTorch 2.13 (docs/compute.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from danlu.compute.architecture import Architecture
from danlu.compute.catalogue import Device
from danlu.compute.local import work
from danlu.compute.local.memory import activation_bytes_per_token, micro_batch, side
from danlu.compute.local.seconds import Part, Seconds
from danlu.compute.local.seconds import work as timed
from danlu.compute.local.workload import Workload
from danlu.recipe import Lora, Training

# bytes that a step's element-wise operations move, for each byte that autograd keeps: compiled, or one after the other
_STEP_TRAFFIC = {"cpu": 6.0, "gpu": 12.0}
_LOGIT_TRAFFIC = {"cpu": 12.0, "gpu": 120.0}  # bytes moved for each logit of the loss, forward and backward
_OPTIMISER_TRAFFIC = 80.0  # bytes moved for each trained parameter by clipping and AdamW
_STEP_OPS = 150  # operations started for each layer and micro-batch
TORCH_S = 1.8  # importing it, which is done by the first stage that needs it
_START_S = 0.5  # reading and checking data
_CHECKED_PACKS = 3  # whose forward passes show, before step 1, that packing leaks nothing and what is kept
_SNAPSHOT_S = 0.03
_DISK_BYTES_PER_S = 1e9
_EXCHANGE_BYTES_PER_S = 1e9  # between two processes of this machine, over TCP


@dataclass(frozen=True, slots=True)
class Steps:
    """Optimiser steps. tokens, supervised: trained on in all; computed: of tokens; micro_batches: forward passes.

    largest: tokens of the largest of them.
    """

    tokens: float
    supervised: float
    count: int
    micro_batches: int
    computed: float
    largest: float

    @classmethod
    def of(cls, training: Training, workload: Workload) -> Steps:
        """Whole packs, at most batch_tokens a step and at least one; a micro-batch is one pack or more of them."""
        tokens = workload.tokens * training.epochs
        pack = min(workload.pack_tokens, max(tokens, 1.0))
        if training.max_tokens is not None and training.max_tokens < tokens:
            # training ends before the first pack that is too much, half a pack before the limit on average
            tokens = max(min(pack, tokens), training.max_tokens - pack / 2)
        per_step = max(1, int(training.batch_tokens // pack)) * pack
        micro = min(max(1, int(micro_batch(training, workload) // pack)) * pack, per_step)
        count = max(1, math.ceil(tokens / per_step - 1e-9))
        passes = max(count, math.ceil(tokens / micro - 1e-9))
        share = workload.supervised / max(workload.tokens, 1.0)
        return cls(tokens, tokens * share, count, passes, tokens * workload.unshared, min(micro, tokens))

    def rehearsal(self) -> Steps:
        """The one micro-batch and step that are gone through before the first (refusal 10)."""
        once = self.largest / self.tokens
        return Steps(self.largest, self.supervised * once, 1, 1, self.computed * once, self.largest)


def train(model: Architecture, training: Training, workload: Workload, device: Device) -> tuple[Part, ...]:
    """Making ready, the rehearsal and all steps, snapshots, writing the model."""
    steps = Steps.of(training, workload)
    work_s = take(model, training, steps, workload, device)
    rehearsed = take(model, training, steps.rehearsal(), workload, device)
    return (
        Part("ready", "train", ready(model, training, workload, device)),
        Part("steps", "train", work_s.plus(rehearsed)),
        Part.fixed("snapshots", "train", snapshots(model, training, steps.count)),
        Part.fixed("save", "train", save(model, training)),
    )


def take(model: Architecture, training: Training, steps: Steps, workload: Workload, device: Device) -> Seconds:
    """Steps of the optimiser. Ranks divide what is computed, not what the optimiser moves."""
    kept = model.num_layers * activation_bytes_per_token(model, training)
    trained = work.trained_parameters(model, training)
    ranks = workload.ranks
    flops = work.step(model, training, steps.computed, workload.document, steps.supervised)
    moved = (
        _STEP_TRAFFIC[side(device)] * kept * steps.computed
        + _LOGIT_TRAFFIC[side(device)] * model.vocab_size * steps.supervised
        + 6.0 * model.num_parameters * steps.micro_batches
    )
    ops = _STEP_OPS * model.num_layers * steps.micro_batches / ranks
    shared_out = timed(device, training.precision, flops, moved, ops)
    optimiser = Seconds(bytes=_OPTIMISER_TRAFFIC * trained * steps.count / device.memory_bytes_per_s)
    exchanged = (ranks - 1) * 8.0 * trained * steps.count  # weights there, gradients back
    return shared_out.plus(optimiser).plus(Seconds(fixed=exchanged / _EXCHANGE_BYTES_PER_S))


def ready(model: Architecture, training: Training, workload: Workload, device: Device) -> Seconds:
    """From the stage's start to its rehearsal: torch, the base, the checks before step 1."""
    torch_s = TORCH_S if workload.text_bytes is None else 0.0  # a fresh base has imported it already
    checked = work.forward(model, _CHECKED_PACKS * workload.pack_tokens, workload.document, 0.0)
    fixed = Seconds(fixed=_START_S + torch_s + 4.0 * model.num_parameters / _DISK_BYTES_PER_S)
    return fixed.plus(timed(device, training.precision, checked, 0.0, 0.0))


def snapshots(model: Architecture, training: Training, count: int) -> float:
    """Of `count` steps, and the rehearsed one: fp32 masters and two moments, written and synced."""
    number = 1 + math.ceil(count / training.checkpoint_every_steps)
    return number * (_SNAPSHOT_S + 12.0 * work.trained_parameters(model, training) / _DISK_BYTES_PER_S)


def save(model: Architecture, training: Training) -> float:
    """The base read again, the model written, read back and hashed; an adapter is merged before."""
    passes = 4 if isinstance(training.adapter, Lora) else 3
    return 0.05 + passes * 3.0 * model.num_parameters / _DISK_BYTES_PER_S
