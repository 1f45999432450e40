"""How a job is judged: the rooms that say what it needs and how long it takes, by the kind of training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from danlu.compute.estimate import Estimate
from danlu.compute.job import Job
from danlu.compute.memory import MEMORY, memory
from danlu.compute.memory import estimate as memory_estimate
from danlu.compute.memory.fit import needed_bytes
from danlu.compute.memory.memory import collective_bytes
from danlu.compute.question import TRAINS_WHOLE
from danlu.compute.relief import WORTH, Bounds, roomier
from danlu.compute.search import Pace, Rules
from danlu.compute.step import bottleneck, relief, step_time
from danlu.compute.step import estimate as step_estimate
from danlu.compute.step.tuning import estimate as tuning_estimate
from danlu.compute.step.tuning import tuning_time


def pace(job: Job) -> Pace:
    """Seconds of a step by parts: by the model of pre-training, or by that of fine-tuning."""
    if job.tuning.method in TRAINS_WHOLE:
        step = step_time(job)
        return Pace(step.total, {name: seconds for name, seconds in step.parts.items() if seconds > 0})
    tuned = tuning_time(job)
    parts = {part.name: float(getattr(tuned, part.name)) for part in fields(tuned)}
    return Pace(tuned.total, {name: seconds for name, seconds in parts.items() if seconds > 0})


def step_interval(job: Job) -> Estimate:
    """The step's time with its 80% interval."""
    return step_estimate(job) if job.tuning.method in TRAINS_WHOLE else tuning_estimate(job)


@dataclass(frozen=True, slots=True)
class Needed:
    """Bytes of the fullest device, by item, in the phase of the step that needs most.

    nvidia_smi_bytes: what that counter may come to show, None where another was asked for.
    """

    bytes: Estimate
    items: Mapping[str, float]
    phase: str = ""
    nvidia_smi_bytes: float | None = None

    def to_json(self) -> dict[str, Any]:
        """As it is."""
        return asdict(self) | {"items": dict(self.items)}


def bounds(job: Job, roomy_s: float | None) -> tuple[str, list[tuple[str, float]]]:
    """What bounds a step, in a sentence; and changes with the share of the step that each would save.

    roomy_s: seconds of the best step for the same rows if devices held twice as much.
    """
    if job.tuning.method not in TRAINS_WHOLE:
        found = Bounds.of(job, lambda changed: tuning_time(changed).total, roomy_s)
        return found.words, [(one.change, -one.worth) for one in found.reliefs]
    step = step_time(job)
    saved = relief(job)
    if roomy_s is not None:
        more = roomier(job, roomy_s, step.total)
        saved += [(more.change, -more.worth)] if more.worth <= -WORTH else []
    return bottleneck(step), sorted(saved, key=lambda change: -change[1])


def memory_interval(job: Job) -> Needed:
    """Bytes of the fullest device with their interval, by item: what the card must have, or what a counter shows.

    nvidia-smi, the counter where nobody names one, shows more than must be on a card with room to spare, where the
    allocator keeps what it could give back; then the items are those of `needed_bytes`.
    """
    shown, interval = memory(job), memory_estimate(job)
    if job.software.counter != "nvidia-smi":
        return Needed(interval, shown.items, shown.peak_phase)
    tensors = memory(replace(job, software=replace(job.software, counter="allocated")))
    whole = needed_bytes(job)
    context, collectives = MEMORY.context_bytes, collective_bytes(job, MEMORY)
    beside = {
        "gaps between tensors": whole - tensors.peak_bytes - context - collectives,
        "device context": context,
        "collectives": collectives,
    }
    items = {name: size for name, size in {**tensors.items, **beside}.items() if size > 0}
    scale = whole / interval.value
    must = Estimate(whole, scale * interval.low, scale * interval.high)
    return Needed(must, items, tensors.peak_phase, shown.peak_bytes)


RULES = Rules(needed_bytes, pace)
