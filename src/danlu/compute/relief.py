"""What bounds a step, and what one step of relief is worth: each resource is doubled alone, with the same formulas."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from danlu.compute.catalogue import Cluster, Device
from danlu.compute.job import Job
from danlu.compute.words import gigabytes

Resource = Literal["arithmetic", "memory bandwidth", "links", "network", "host", "memory capacity", "power"]
WORTH = 0.005  # of the step's time: less is not named
_NAMED = 4


@dataclass(frozen=True, slots=True)
class Relief:
    """One change: what it is, and by how much the step's time changes (-0.11: 11% less)."""

    resource: Resource
    change: str
    worth: float


@dataclass(frozen=True, slots=True)
class Bounds:
    """The resource whose doubling is worth most, and what each is worth."""

    resource: Resource
    reliefs: tuple[Relief, ...]

    @classmethod
    def of(cls, job: Job, seconds: Callable[[Job], float], roomy_s: float | None = None) -> Bounds:
        """seconds: of a step. roomy_s: of the best step for the same rows if devices held twice as much."""
        now = seconds(job)
        found = [
            Relief(resource, words, seconds(replace(job, cluster=cluster)) / now - 1)
            for resource, words, cluster in _doubled(job)
        ]
        if roomy_s is not None:
            found.append(roomier(job, roomy_s, now))
        ranked = sorted(found, key=lambda relief: relief.worth)
        return cls(ranked[0].resource, tuple(r for r in ranked if r.worth <= -WORTH)[:_NAMED])

    @property
    def words(self) -> str:
        """A sentence."""
        most = min((relief.worth for relief in self.reliefs if relief.resource == self.resource), default=0.0)
        if most == 0.0:
            return "Nothing that hardware gives: the run is too small for this device."
        how = {"host": "a host twice as quick", "power": "the full power"}.get(self.resource, "twice as much")
        said = _SAID[self.resource]
        return f"{said[0].upper()}{said[1:]}; {how} would take {-most:.0%} off the step."


def roomier(job: Job, roomy_s: float, now_s: float) -> Relief:
    """Twice the memory. roomy_s, now_s: seconds of the best step for the same rows, with it and without."""
    held = gigabytes(2 * job.cluster.device.memory_bytes)
    return Relief("memory capacity", f"{held} a device, with the layout that this allows", roomy_s / now_s - 1)


_SAID: dict[Resource, str] = {
    "arithmetic": "arithmetic: matrix products and attention",
    "memory bandwidth": "memory bandwidth: moving bytes through each device's memory",
    "links": "the links within a node",
    "network": "the network between nodes",
    "host": "the host, which starts kernels (the work is small for this device)",
    "memory capacity": "memory capacity, which forces recomputation or smaller pieces",
    "power": "power: the cap slows the clock",
}


def _doubled(job: Job) -> Iterator[tuple[Resource, str, Cluster]]:
    cluster, device = job.cluster, job.cluster.device

    def with_(changed: Device) -> Cluster:
        return replace(cluster, device=changed)

    peak = device.flops_per_s(job.numerics.compute) / 1e12
    doubled = {precision: 2 * rate for precision, rate in device.peaks.items()}
    yield "arithmetic", f"{2 * peak:,.0f} instead of {peak:,.0f} TFLOP/s", with_(replace(device, peaks=doubled))
    moved = device.memory_bytes_per_s
    yield (
        "memory bandwidth",
        f"{2 * moved / 1e12:.3g} instead of {moved / 1e12:.3g} TB/s of memory",
        with_(replace(device, memory_bytes_per_s=2 * moved)),
    )
    yield "host", "kernels started in half the time", with_(replace(device, op_s=device.op_s / 2))
    if device.link_bytes_per_s is not None and cluster.num_devices > 1:
        link = device.link_bytes_per_s
        yield (
            "links",
            f"links of {2 * link / 1e9:,.0f} instead of {link / 1e9:,.0f} GB/s",
            with_(replace(device, link_bytes_per_s=2 * link)),
        )
    sent = cluster.network_bytes_per_s
    if sent is not None and cluster.num_nodes > 1:
        bits = 8 * sent / 1e9
        yield (
            "network",
            f"{2 * bits:,.0f} instead of {bits:,.0f} Gb/s between nodes",
            replace(cluster, network_bytes_per_s=2 * sent),
        )
    if cluster.power_cap_watts is not None and cluster.power_cap_watts < device.watts:
        words = f"{device.watts:,.0f} instead of {cluster.power_cap_watts:,.0f} W a device"
        yield "power", words, replace(cluster, power_cap_watts=None)
