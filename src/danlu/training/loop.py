"""The one loop: batch, loss over the global count of supervised tokens, clip, step, snapshot."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from danlu.artefact import hash_file, hash_value, storing, write_text
from danlu.errors import DanluError, Waivers
from danlu.model import Decoder, weights_sha256
from danlu.recipe import Training
from danlu.tokens import Shards
from danlu.training import memory
from danlu.training.batches import Plan, deal, largest, plan
from danlu.training.checks import check_data, check_embeddings, check_packing
from danlu.training.interrupt import uninterrupted
from danlu.training.parallel import RankEnded, Ranks, TrainingError
from danlu.training.rehearsal import rehearse
from danlu.training.schedule import factor
from danlu.training.snapshot import Snapshot, latest
from danlu.training.worker import Worker

Emit = Callable[[str, Mapping[str, object]], None]


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained decoder, in memory; one row a step of how it came about; and what that took.

    spent: cpu_s and wall_s of the steps alone, predicted_memory_bytes and peak_memory_bytes of the process,
    over all interruptions.
    """

    decoder: Decoder
    trajectory: list[dict[str, float]]
    spent: dict[str, float]


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What training follows from beside its recipe, base and data.

    code: fingerprint of the program. template_sha256: of the base's chat template, None for plain text. ranks:
    processes that share each step.
    """

    code: str
    template_sha256: str | None
    ranks: int = 1


def fingerprint_of(config: Training, base: Path, dataset: Path, around: Circumstances) -> dict[str, str]:
    """What the weights follow from, each part hashed: a resume compares them (refusal 9)."""
    return {
        "data": str(Shards(dataset).manifest["sha256"]),
        "base": weights_sha256(base),
        "tokenizer": hash_file(base / "tokenizer.json"),
        "chat template": str(around.template_sha256),
        "recipe": hash_value(config.model_dump(mode="json")),
        "number of ranks": str(around.ranks),
        "code": around.code,
    }


def train(
    config: Training,
    base: Path,
    dataset: Path,
    work: Path,
    *,
    waivers: Waivers,
    fingerprint: Mapping[str, str],
    ranks: int = 1,
    emit: Emit = lambda *_: None,
) -> Trained:
    """Train the decoder in `base` on the shards in `dataset`; run again in the same `work` folder, it continues.

    fingerprint: `fingerprint_of` all this. ranks: processes, each with as many threads as this one has. Raises Refusal
    1, 7, 8, 9 and 10, DataError for data that does not fit the base, and TrainingError where the loss is no longer a
    number or a rank has ended. That and KeyboardInterrupt leave a snapshot.
    """
    with Ranks(ranks, config, base, dataset) as together:
        worker = Worker.ready(config, base, Shards(dataset))
        check_data(config, worker.decoder.config, worker.shards)
        check_embeddings(config, worker.decoder, worker.shards)
        check_packing(worker.decoder, worker.shards)
        resumed = latest(work / "snapshots", dict(fingerprint), waivers)
        run = _Run(together, worker, work, fingerprint=dict(fingerprint), emit=emit)
        if resumed is not None:
            run.restore(resumed)
        run.finish()
    return Trained(worker.decoder, run.rows, run.spent)


class _Run:
    """A training under way: all that a step changes, and what it is made of."""

    def __init__(self, ranks: Ranks, worker: Worker, work: Path, *, fingerprint: dict[str, str], emit: Emit) -> None:
        config = worker.config
        self._ranks, self._worker, self._work = ranks, worker, work
        self._config, self._masters = config, worker.masters
        self._fingerprint, self._emit = fingerprint, emit
        self._optimizer = _adamw(config, self._masters)
        self._plan: Plan = plan(
            worker.shards,
            epochs=config.epochs,
            batch_tokens=config.batch_tokens,
            max_tokens=config.max_tokens,
            seed=config.seed,
        )
        self._saved = 0
        self.done = 0
        self.rows: list[dict[str, float]] = []
        self.spent: dict[str, float] = {"cpu_s": 0.0, "wall_s": 0.0}

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from `snapshot`. Raises DanluError where it holds other parameters (possible if 9 was accepted)."""
        shapes = {name: value.shape for name, value in snapshot.parameters.items()}
        if shapes != {name: master.shape for name, master in self._masters.items()}:
            raise DanluError(
                f"{self._work / 'snapshots'}: the snapshot trains other parameters than the recipe (rank, targets or "
                "kind of training.adapter changed). It cannot be continued: start a new run."
            )
        with torch.no_grad():
            for name, master in self._masters.items():
                master.copy_(snapshot.parameters[name])
        self._masters.publish()
        self._optimizer.load_state_dict(snapshot.optimizer)
        self.done = self._saved = snapshot.step
        self.rows, self.spent = snapshot.rows, snapshot.spent
        self._emit("resumed", {"step": self.done, "steps": len(self._plan.steps)})

    def finish(self) -> None:
        """Do the steps that are left, with a snapshot now and then and one at the end."""
        steps = len(self._plan.steps)
        trajectory = self._work / "trajectory.jsonl"
        write_text(trajectory, "".join(_line(row) for row in self.rows))
        if self.done < steps:
            self._ranks.meet(self._plan.steps)
            self._rehearse()
        try:
            with memory.PeakMemory(self._ranks.pids) as peak:
                for step in range(self.done, steps):
                    row = self._step(step)
                    with storing(trajectory), trajectory.open("a", encoding="utf-8") as handle:
                        handle.write(_line(row))
                    self._note_peak(peak.bytes)
                    self._report(row)
                    if self.done % self._config.checkpoint_every_steps == 0 or self.done == steps:
                        self._save()
        except (KeyboardInterrupt, RankEnded):
            if self.done > self._saved:
                self._save()
            raise

    def _step(self, step: int) -> dict[str, float]:
        """One optimiser step, applied whole or not at all; returns its row of the trajectory."""
        began_cpu, began_wall = self._ranks.cpu_s(), time.perf_counter()
        lr = self._config.optimizer.lr * factor(self._config.schedule, step, len(self._plan.steps))
        loss = self._ranks.gradient(self._worker, self._plan.sizes, self._plan.steps[step])
        norm = float(clip_grad_norm_(self._masters.values(), self._config.optimizer.max_grad_norm))
        if not math.isfinite(loss) or not math.isfinite(norm):
            raise TrainingError(f"step {step + 1}: the loss is {loss} and the gradient {norm}. Lower optimizer.lr.")
        row = {
            "step": step + 1,
            "loss": loss,
            "lr": lr,
            "grad_norm": norm,
            "tokens": self._plan.tokens[step],
            "supervised_tokens": self._plan.supervised[step],
        }
        with uninterrupted():
            for group in self._optimizer.param_groups:
                group["lr"] = lr
            self._optimizer.step()
            self._optimizer.zero_grad(set_to_none=True)
            self._masters.publish()
            self.rows.append(row)
            self.done = step + 1
            self.spent["cpu_s"] += self._ranks.cpu_s() - began_cpu
            self.spent["wall_s"] += time.perf_counter() - began_wall
        return row

    def _report(self, row: Mapping[str, float]) -> None:
        tokens = sum(self._plan.tokens[: self.done])
        left = sum(self._plan.tokens[self.done :])
        facts = {
            **row,
            "steps": len(self._plan.steps),
            "tokens_per_s": tokens / self.spent["wall_s"],
            "tokens_per_cpu_s": tokens / self.spent["cpu_s"],
            "memory_bytes": self._ranks.memory_bytes(),
            "time_left_s": left * self.spent["wall_s"] / tokens,
        }
        self._emit("step", facts)

    def _rehearse(self) -> None:
        """Refusal 10 before anything is spent."""
        path = self._work / "snapshots" / "rehearsal.pt"

        def save(optimizer: torch.optim.Optimizer) -> Path:
            self._snapshot(optimizer).write(path)
            return path

        shares = (share for packs in self._plan.steps for share in deal(self._plan.sizes, packs, self._ranks.count))
        rehearsed = rehearse(
            self._ranks,
            self._worker,
            largest(self._plan.sizes, shares, self._config.micro_batch_tokens),
            new_optimizer=lambda: _adamw(self._config, self._masters),
            save=save,
        )
        self.spent["predicted_memory_bytes"] = rehearsed.predicted_memory_bytes
        self._note_peak(rehearsed.peak_memory_bytes)
        self._emit("rehearsed", asdict(rehearsed))

    def _save(self) -> None:
        self._snapshot(self._optimizer).save(self._work / "snapshots")
        self._saved = self.done
        self._emit("snapshot", {"step": self.done})

    def _snapshot(self, optimizer: torch.optim.Optimizer) -> Snapshot:
        parameters = {name: master.detach() for name, master in self._masters.items()}
        return Snapshot(self.done, self._fingerprint, parameters, optimizer.state_dict(), self.rows, self.spent)

    def _note_peak(self, peak: int) -> None:
        self.spent["peak_memory_bytes"] = max(peak, self.spent.get("peak_memory_bytes", 0))


def _adamw(config: Training, trained: Mapping[str, Tensor]) -> torch.optim.AdamW:
    """AdamW; matrices decay, norms and biases do not."""
    numbers = config.optimizer
    groups = [
        {"params": [p for p in trained.values() if p.ndim > 1], "weight_decay": numbers.weight_decay},
        {"params": [p for p in trained.values() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    used = [group for group in groups if group["params"]]
    # fused: one pass over memory instead of a dozen, in a third of the time
    return torch.optim.AdamW(used, lr=numbers.lr, betas=numbers.betas, eps=numbers.eps, fused=True)


def _line(row: Mapping[str, float]) -> str:
    return json.dumps(row) + "\n"
