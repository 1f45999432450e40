"""The same question on other devices, for training and for serving, and what is known of their software."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from danlu.compute.catalogue import Cluster, Device, rivals
from danlu.compute.job import Job
from danlu.compute.question import Question
from danlu.errors import RecipeError

_SINCE = 2022  # older devices are sold out
_MOST = 12
_WARNINGS = {
    "measured": "",
    "published": "speeds are the vendor's; no measurement of its software stands behind them",
    "announced": "announced only: nobody outside has measured it",
    "assumed": "speeds are assumed",
}


@dataclass(frozen=True, slots=True)
class Alternative:
    """As many other devices with the same work.

    row_s: seconds for one row of a step in the best layout that fits. decode_s: reading all weights once from the
    memory of as few of them as hold these, the floor under a served token. warning: what is not known.
    """

    device: Device
    row_s: float | None
    memory_bytes: float
    num_serving: int
    decode_s: float
    warning: str

    def to_json(self, asked: Job, row_s: float) -> dict[str, Any]:
        """Held against the question's own hardware. speed: of training, in multiples of it."""
        mine = asked.cluster.device
        faster = None if self.row_s is None else row_s / self.row_s
        return {
            "name": self.device.name,
            "vendor": self.device.vendor,
            "fits": self.row_s is not None,
            "row_s": self.row_s,
            "speed": faster,
            "memory_bytes": self.memory_bytes,
            "device_memory_bytes": self.device.memory_bytes,
            "memory_bytes_per_s": self.device.memory_bytes_per_s,
            "serving_devices": self.num_serving,
            "serving_floor_s": self.decode_s,
            "rent_usd_h": self.device.price.rent_usd_h,
            "evidence": self.device.evidence,
            "leads_in": leads(self.device, mine),
            "warning": self.warning,
        }


def leads(other: Device, mine: Device) -> list[str]:
    """Where another device has more, by a tenth at least."""
    facts: tuple[tuple[str, Callable[[Device], float]], ...] = (
        ("memory", lambda d: d.memory_bytes),
        ("bandwidth", lambda d: d.memory_bytes_per_s),
        ("bf16 arithmetic", lambda d: d.flops_per_s("bf16")),
        ("links", lambda d: d.link_bytes_per_s or 0.0),
    )
    return [name for name, fact in facts if fact(other) > 1.1 * fact(mine)]


def alternatives(question: Question, best: Callable[[Question], tuple[float | None, float]]) -> Iterator[Alternative]:
    """Devices of the catalogue other than the question's, as many of each; the fastest first.

    best: seconds for one row of a step (None where nothing fits) and bytes of the fullest device, for a question.
    """
    found = []
    for device in rivals(question.cluster.device):
        young = device.year is None or device.year >= _SINCE
        if device.kind == "cpu" or device.name == question.cluster.device.name or not young:
            continue
        here = replace(question, cluster=Cluster.of(device, question.cluster.num_devices))
        try:
            row_s, needed = best(here)
        except RecipeError:  # a fixed degree that its links do not allow
            continue
        found.append(_alternative(question, device, row_s, needed))
    ranked = sorted(found, key=lambda other: (other.row_s is None, other.row_s or 0.0))
    yield from ranked[:_MOST]


def _alternative(question: Question, device: Device, row_s: float | None, needed: float) -> Alternative:
    shape = question.architecture
    weights = 2.0 * shape.num_parameters
    number = max(1, -int(-weights // (0.9 * device.usable_bytes)))
    read = 2.0 * shape.active_parameters / (number * device.memory_bytes_per_s)
    return Alternative(device, row_s, needed, number, read, _WARNINGS.get(device.evidence, ""))
