"""The one loop: batch, loss over the global count of supervised tokens, clip, step, snapshot."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from danlu.artefact import hash_value, storing, write_text
from danlu.errors import DanluError, Refusal, Waivers
from danlu.model import Decoder, PackedAttention, load, lora, weights_sha256
from danlu.recipe import Lora, Training
from danlu.tokens import Shards
from danlu.training.batches import MicroBatch, check_supervised, micro_batches, plan
from danlu.training.objective.language import summed_loss
from danlu.training.schedule import factor
from danlu.training.snapshot import Snapshot, latest

Emit = Callable[[str, Mapping[str, object]], None]
_TYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained decoder, in memory, and one row a step of how it came about."""

    decoder: Decoder
    trajectory: list[dict[str, float]]


class TrainingError(DanluError):
    """Training that cannot go on: a loss that is not a number."""


def train(
    config: Training, base: Path, dataset: Path, work: Path, *, waivers: Waivers, emit: Emit = lambda *_: None
) -> Trained:
    """Train the decoder in `base` on the shards in `dataset`; run again in the same `work` folder, it continues.

    Raises Refusal 1, 7, 8 and 9, and TrainingError where the loss is no longer a number.
    """
    shards = Shards(dataset)
    check_supervised(shards)
    decoder = load(base, _TYPES[config.precision])
    if not isinstance(config.adapter, Lora):
        raise DanluError("training.adapter.kind: full is not built yet; set it to lora.")
    lora.attach(decoder, config.adapter.rank, config.adapter.alpha, config.adapter.targets, config.seed)
    check_packing(decoder, shards)
    fingerprint = {
        "data": str(shards.manifest["sha256"]),
        "base": weights_sha256(base),
        "recipe": hash_value(config.model_dump(mode="json")),
    }
    resumed = latest(work / "snapshots", fingerprint, waivers)
    return _run(config, decoder, shards, work, resumed=resumed, fingerprint=fingerprint, emit=emit)


def _run(
    config: Training,
    decoder: Decoder,
    shards: Shards,
    work: Path,
    *,
    resumed: Snapshot | None,
    fingerprint: dict[str, str],
    emit: Emit,
) -> Trained:
    trained = {name: p for name, p in decoder.named_parameters() if p.requires_grad}
    optimizer = _optimizer(config, trained)
    steps = plan(
        shards,
        epochs=config.epochs,
        batch_tokens=config.batch_tokens,
        max_tokens=config.max_tokens,
        seed=config.seed,
    ).steps
    done = 0 if resumed is None else resumed.step
    trajectory = _Trajectory(work / "trajectory.jsonl", done)
    if resumed is not None:
        _restore(resumed, trained, optimizer)
    for step in range(done, len(steps)):
        began = time.process_time()
        lr = config.optimizer.lr * factor(config.schedule, step, len(steps))
        for group in optimizer.param_groups:
            group["lr"] = lr
        batch = micro_batches(shards, steps[step], config.micro_batch_tokens)
        loss = gradient(decoder, batch)
        norm = float(clip_grad_norm_(trained.values(), config.optimizer.max_grad_norm))
        if not math.isfinite(loss) or not math.isfinite(norm):
            raise TrainingError(f"step {step + 1}: the loss is {loss} and the gradient {norm}. Lower optimizer.lr.")
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        tokens = sum(len(micro.ids) for micro in batch)
        row = {"step": step + 1, "loss": loss, "lr": lr, "grad_norm": norm, "tokens": tokens}
        trajectory.add(row)
        emit("step", {**row, "steps": len(steps), "tokens_per_cpu_s": tokens / (time.process_time() - began)})
        if (step + 1) % config.checkpoint_every_steps == 0 or step + 1 == len(steps):
            state = {name: p.detach() for name, p in trained.items()}
            Snapshot(step + 1, fingerprint, state, optimizer.state_dict()).save(work / "snapshots")
    return Trained(decoder, trajectory.rows)


def gradient(decoder: Decoder, batch: list[MicroBatch]) -> float:
    """Add the gradient of the mean loss over all supervised tokens of the batch; returns that loss, in nats.

    The mean is over the whole step, not over micro-batches (refusal 7), so any split gives the same gradient.
    """
    count = sum(len(micro.predicting) for micro in batch)
    if count == 0:
        raise Refusal(7, "a step has no supervised token to divide its loss by. Build the data again.")
    total = 0.0
    for micro in batch:
        if len(micro.predicting) == 0:
            continue
        attend = PackedAttention(micro.lengths)
        hidden = decoder.hidden(micro.ids, attend.positions, attend)
        loss = summed_loss(hidden[micro.predicting], decoder.head_weight, micro.targets) / count
        loss.backward()
        total += loss.item()
    return total


@torch.no_grad()
def check_packing(decoder: Decoder, shards: Shards) -> None:
    """Refusal 8 unless a document's hidden states are the same in a pack as alone.

    Compared in the working precision: kernels may round differently for other shapes, a leak is far larger.
    """
    pack = max((shards.pack(i) for i in range(min(len(shards), 8))), key=len)
    if len(pack) < 2:
        return
    together = MicroBatch.of(pack)
    attend = PackedAttention(together.lengths)
    packed = decoder.hidden(together.ids, attend.positions, attend).split(together.lengths)
    for document, inside in zip(pack, packed, strict=True):
        single = MicroBatch.of([document])
        attend = PackedAttention(single.lengths)
        alone = decoder.hidden(single.ids, attend.positions, attend)
        away = (inside.float() - alone.float()).norm() / alone.float().norm()
        if away > _tolerance(alone):
            raise Refusal(
                8, f"packing leaks: {document.row_id} computes {away:.2g} differently in its pack than alone."
            )


def _tolerance(hidden: Tensor) -> float:
    return 0.05 if hidden.dtype is torch.bfloat16 else 1e-4


def _optimizer(config: Training, trained: Mapping[str, Tensor]) -> torch.optim.AdamW:
    """AdamW; matrices decay, norms and biases do not."""
    numbers = config.optimizer
    groups = [
        {"params": [p for p in trained.values() if p.ndim > 1], "weight_decay": numbers.weight_decay},
        {"params": [p for p in trained.values() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    used = [group for group in groups if group["params"]]
    return torch.optim.AdamW(used, lr=numbers.lr, betas=numbers.betas, eps=numbers.eps)


def _restore(snapshot: Snapshot, trained: Mapping[str, Tensor], optimizer: torch.optim.Optimizer) -> None:
    with torch.no_grad():
        for name, parameter in trained.items():
            parameter.copy_(snapshot.parameters[name])
    optimizer.load_state_dict(snapshot.optimizer)


class _Trajectory:
    """One line a step; after a resume, what lies beyond the snapshot is dropped."""

    def __init__(self, path: Path, steps: int) -> None:
        self._path = path
        kept = list(_lines(path))[:steps] if path.is_file() else []
        write_text(path, "".join(kept))
        self.rows: list[dict[str, Any]] = [json.loads(line) for line in kept]

    def add(self, row: dict[str, float]) -> None:
        """Append one step's row."""
        self.rows.append(row)
        with storing(self._path), self._path.open("a", encoding="utf-8") as handle:
            handle.write(json.dumps(row) + "\n")


def _lines(path: Path) -> Iterator[str]:
    """Whole lines only: a crash may have cut the last one."""
    with path.open(encoding="utf-8") as handle:
        yield from (line for line in handle if line.endswith("\n"))
