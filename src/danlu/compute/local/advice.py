"""What would make a run fit, or shorter: one change at a time, each tried with the same formulas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from danlu.compute.architecture import Architecture
from danlu.compute.catalogue import CATALOGUE, Device
from danlu.compute.local.memory import memory
from danlu.compute.local.training_time import train
from danlu.compute.local.workload import Workload
from danlu.recipe import Lora, Training

_WORTHWHILE = 0.85  # an improvement is named where training takes at most this share of its time


def remedies(
    model: Architecture, training: Training, workload: Workload, device: Device, correction: float
) -> tuple[str, ...]:
    """Up to three single changes with which the run fits; else the smallest card on which it does.

    correction: actual over predicted memory, as past runs here showed.
    """
    found = [
        f"{words} makes it fit ({needed / 1e9:.1f} GB)"
        for words, changed, work in _smaller(training, workload)
        if (needed := memory(model, changed, work, device).peak_bytes * correction) <= device.usable_bytes
    ]
    if found:
        return tuple(found[:3])
    cards = sorted((c for c in CATALOGUE.values() if c.kind == "gpu"), key=lambda card: card.memory_bytes)
    for card in cards:
        if (needed := memory(model, training, workload, card).peak_bytes) <= card.usable_bytes:
            return (f"no single change makes it fit here; it needs {needed / 1e9:.0f} GB, as a {card.name} has",)
    return ("no single change makes it fit, nor does any card of the catalogue hold it; take a smaller base",)


def improvements(model: Architecture, training: Training, workload: Workload, device: Device) -> tuple[str, ...]:
    """Changes of precision that would shorten training on this device."""
    other = training.model_copy(update={"precision": "fp32" if training.precision == "bf16" else "bf16"})
    now, then = (
        sum(part.seconds.total(device) for part in train(model, t, workload, device)) for t in (training, other)
    )
    if then > _WORTHWHILE * now:
        return ()
    why = "has no arithmetic for bf16" if other.precision == "fp32" else "computes bf16 faster than fp32"
    return (
        f"training.precision={other.precision} would train in {then / now:.0%} of the time: this {device.kind} {why}",
    )


def _smaller(training: Training, workload: Workload) -> Iterator[tuple[str, Training, Workload]]:
    """(the change in words, the recipe's training with it, the workload with it)."""
    if not training.recompute:
        yield "training.recompute=true", training.model_copy(update={"recompute": True}), workload
    if (training.micro_batch_tokens or 0) > workload.max_length:
        yield "training.micro_batch_tokens=null", training.model_copy(update={"micro_batch_tokens": None}), workload
    if not isinstance(training.adapter, Lora):
        yield "training.adapter.kind=lora", training.model_copy(update={"adapter": Lora()}), workload
    length = workload.max_length // 2
    while length >= 256:
        shorter = replace(workload, max_length=length, document=min(workload.document, length))
        frugal = training.model_copy(update={"micro_batch_tokens": None, "recompute": True})
        yield f"data.max_length={length} with training.recompute=true", frugal, shorter
        length //= 2
    batch = workload.batch // 2
    while batch >= 1:
        yield f"evaluation.batch={batch}", training, replace(workload, batch=batch)
        batch //= 2
