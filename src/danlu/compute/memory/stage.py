"""What of a model one device holds: its pipeline stage, and its share of each matrix.

Sources: Narayanan et al. 2021, arXiv 2104.04473 (pipeline schedules); Korthikanti et al. 2022, arXiv 2205.05198,
section 4.2.3 and appendix B (micro-batches in flight, of interleaved stages as well).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from danlu.compute.job import Job


@dataclass(frozen=True, slots=True)
class Stage:
    """Of one device. layers: how many it has; in_flight: forward passes whose activations it keeps at once."""

    layers: float
    embedding: bool
    head: bool
    in_flight: float


def stages(job: Job) -> Iterator[Stage]:
    """First, second and last stage: those that may be the fullest."""
    layout = job.layout
    layers = float(-(-job.architecture.num_layers // layout.pp))
    if layout.pp == 1:
        yield Stage(layers, True, True, 1.0)
        return
    for index in sorted({0, 1, layout.pp - 1}):
        yield Stage(layers, index == 0, index == layout.pp - 1, _in_flight(job, index))


def _in_flight(job: Job, index: int) -> float:
    """Micro-batches of a whole stage's layers that wait for their backward pass."""
    layout, waiting = job.layout, float(job.micro_batches)
    if layout.schedule == "serial":
        return 1.0
    if layout.schedule == "gpipe":
        return waiting
    depth = layout.pp - index
    if layout.virtual_stages > 1:
        chunks = 2.0 * (depth - 1) + (layout.virtual_stages - 1) * layout.pp + 1
        return min(waiting, chunks / layout.virtual_stages)
    return min(waiting, float(depth))


@dataclass(frozen=True, slots=True)
class Held:
    """Parameters of one device before data parallelism shares them out, each kind by itself.

    matrices: of layers (quantised where a base is); routed: of experts; norms: of layers; outside: embedding, head,
    learned positions, the last norm, towers.
    """

    matrices: float
    routed: float
    norms: float
    outside: float

    @property
    def total(self) -> float:
        """All."""
        return self.matrices + self.routed + self.norms + self.outside


def held(job: Job, stage: Stage) -> Held:
    """Tensor parallelism divides matrices, embedding and head; expert parallelism divides routed experts."""
    shape, layout = job.architecture, job.layout
    share = stage.layers / shape.num_layers
    norms = shape.num_layers * (2 * shape.width + (2 * shape.head_width if shape.qk_norm else 0))
    routed = shape.routed_parameters
    outside = 0.0
    if stage.embedding:
        outside += shape.head_parameters + shape.positions * shape.width
    if stage.head and not (shape.tied and stage.embedding):
        outside += shape.head_parameters
    return Held(
        matrices=(shape.layer_parameters - norms - routed) * share / layout.tp,
        routed=routed * share / (layout.ep if layout.ep > 1 else layout.tp),
        norms=norms * share,
        outside=outside / layout.tp + shape.width + (shape.extra_parameters if stage.embedding else 0),
    )
