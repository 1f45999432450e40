"""The stage `train` in miniature: a rehearsal, a few steps, a snapshot, a model written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from danlu.artefact import read_json
from danlu.compute import Architecture, Device, Workload
from danlu.compute.local import training_time
from danlu.compute.local.training_time import Steps
from danlu.recipe import Training
from danlu.run.carry import carry_stage
from danlu.run.probing.clock import Clock, Span
from danlu.run.stage import Context
from danlu.run.stages import train
from danlu.tokens import Shards

_FOR_S = 12.0  # of steps after the rehearsal
_LEAST, _MOST = 2, 200
_LONG_S = 25.0  # a micro-batch that is expected to take longer is not tried


@dataclass(frozen=True, slots=True)
class Trained:
    """Parts of the stage with what the formulas say of the same, and its peak of memory."""

    times: dict[str, tuple[Span, float]]
    peak_bytes: float


def trained(context: Context, clock: Clock, model: Architecture, workload: Workload, device: Device) -> Trained | None:
    """Carry the stage out on as many steps as fit into its time; None where not even one would."""
    training = context.recipe.training
    expected = Steps.of(training, workload)
    once_s = training_time.take(model, training, expected.rehearsal(), workload, device).total(device)
    step_s = training_time.take(model, training, expected, workload, device).total(device) / expected.count
    if once_s > _LONG_S:
        return None
    if step_s > _FOR_S:  # a micro-batch a step, then: the optimiser is a small part of it
        alone = workload.ranks * max(1, round(expected.tokens / expected.micro_batches))
        training = training.model_copy(update={"batch_tokens": min(training.batch_tokens, alone)})
        step_s = once_s
    count = max(_LEAST, min(_MOST, round(_FOR_S / step_s)))
    limit = min(training.max_tokens or 1 << 62, (count + 1) * training.batch_tokens)
    training = training.model_copy(update={"max_tokens": limit})
    small = replace(context, recipe=context.recipe.model_copy(update={"training": training}))
    carry_stage(train.STAGE, small)
    began, over = clock.stage("train")
    marks = [at for at, _ in clock.all("step")]
    rehearsed = clock.all("rehearsed")[0][0]
    snapshot = clock.all("snapshot")[-1][0] - marks[-1]
    lone, *steps = _taken(small, training)
    first = len(steps) > 0  # the first step compiles kernels for its shapes; it counts where there is no other
    counted, spent = (_sum(steps), marks[-1] - marks[0]) if first else (lone, marks[-1] - rehearsed)
    timed = training_time.take(model, training, counted, workload, device).total(device)
    rehearsal = training_time.take(model, training, _largest([lone, *steps]), workload, device).total(device)
    ready = rehearsed - began - snapshot - spent * (rehearsal / timed)
    written = clock.all("saving")[0][0]
    number = training_time.snapshots(model, training, 1) / 2
    peak = max(
        next(row["peak_rss_bytes"] for row in context.rows if row["name"] == "train"),
        read_json(Path(context.of("train")) / "measured.json")["peak_memory_bytes"],
    )
    return Trained(
        {
            "ready": (ready, training_time.ready(model, training, workload, device).total(device)),
            "steps": (spent, timed),
            "snapshots": (snapshot, number),
            "save": (over - written, training_time.save(model, training)),
        },
        float(peak),
    )


def _taken(context: Context, training: Training) -> list[Steps]:
    """The steps that were taken, one by one, with what each computed."""
    from danlu.training.batches import micro_batches, plan

    shards = Shards(context.of("data"))
    planned = plan(
        shards,
        epochs=training.epochs,
        batch_tokens=training.batch_tokens,
        max_tokens=training.max_tokens,
        seed=training.seed,
    )
    found = []
    for packs, tokens, supervised in zip(planned.steps, planned.tokens, planned.supervised, strict=True):
        batch = micro_batches(shards, packs, training.micro_batch_tokens)
        computed = sum(len(micro.ids) for micro in batch)
        found.append(Steps(tokens, supervised, 1, len(batch), computed, tokens / len(batch)))
    return found


def _sum(steps: list[Steps]) -> Steps:
    return Steps(
        tokens=sum(s.tokens for s in steps),
        supervised=sum(s.supervised for s in steps),
        count=len(steps),
        micro_batches=sum(s.micro_batches for s in steps),
        computed=sum(s.computed for s in steps),
        largest=max(s.largest for s in steps),
    )


def _largest(steps: list[Steps]) -> Steps:
    """About the micro-batch that was rehearsed."""
    return max(steps, key=lambda step: step.largest).rehearsal()
