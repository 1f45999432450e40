"""Time by cause, and the parts of a stage: each is a thing that a probe can time by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from danlu.compute.catalogue import Device, Precision
from danlu.compute.local.work import Flops

StageName = Literal["base", "items", "data", "train", "evaluate", "report"]
STAGES: tuple[StageName, ...] = ("base", "items", "data", "train", "evaluate", "report")


@dataclass(frozen=True, slots=True)
class Seconds:
    """Time by cause: matrix products, attention, bytes moved, operations started by the host."""

    products: float = 0.0
    attention: float = 0.0
    bytes: float = 0.0
    host: float = 0.0
    fixed: float = 0.0

    def plus(self, other: Seconds) -> Seconds:
        """Cause by cause."""
        return Seconds(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    def times(self, count: float) -> Seconds:
        """So many times as long."""
        return Seconds(*(count * getattr(self, name) for name in self.__slots__))

    def total(self, device: Device) -> float:
        """Seconds on that device: a CPU does one thing after the other, a GPU computes while the host starts more."""
        busy = self.products + self.attention + self.bytes
        return self.fixed + (busy + self.host if device.kind == "cpu" else max(busy, self.host))

    def largest(self) -> str:
        """The cause that takes longest."""
        return max(self.__slots__, key=lambda name: float(getattr(self, name)))


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a stage that is timed by itself. name: unique among all stages."""

    name: str
    stage: StageName
    seconds: Seconds

    @classmethod
    def fixed(cls, name: str, stage: StageName, seconds: float) -> Part:
        """One that no arithmetic decides on."""
        return cls(name, stage, Seconds(fixed=seconds))


def work(device: Device, precision: Precision, flops: Flops, moved: float, ops: float) -> Seconds:
    """Arithmetic, bytes moved and operations started, on one device (roofline, added up: Williams et al. 2009)."""
    return Seconds(
        products=flops.matrices / device.reached_flops_per_s(precision),
        attention=flops.attention / device.attention_flops_per_s,
        bytes=moved / device.memory_bytes_per_s,
        host=ops * device.op_s,
    )
