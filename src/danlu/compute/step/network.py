"""Collectives between devices: ring volumes, and the share of them that crosses nodes.

Source: Thakur, Rabenseifner, Gropp 2005 (rings: every device sends (n - 1)/n of the data); NVIDIA nccl-tests,
PERFORMANCE.md (an all-reduce is twice that). A group with g devices in a node drives g devices' adapters.
"""

from __future__ import annotations

from dataclasses import dataclass

from danlu.compute.catalogue import Cluster
from danlu.compute.job import Job
from danlu.compute.step.rates import Rates


@dataclass(frozen=True, slots=True)
class Group:
    """`size` devices that act together; `inside` of them share a link domain (neighbours first)."""

    size: int
    inside: int

    @classmethod
    def of(cls, cluster: Cluster, size: int, stride: int = 1) -> Group:
        """Members stand `stride` devices apart: tensor parallel groups are neighbours, data parallel ones are not."""
        domain = max(cluster.link_domain, 1)
        inside = max(1, min(size, domain // stride if stride <= domain else 1))
        return cls(size, inside)

    @property
    def crosses(self) -> bool:
        """Whether it reaches beyond one link domain."""
        return self.size > self.inside


def gather_s(data: float, group: Group, rates: Rates, hop_s: float, *, lanes: int | None = None) -> float:
    """Seconds until all of a group hold `data` bytes that lie divided among them (or the mirror, a reduce-scatter).

    lanes: adapters that carry it in each node; the group's own members of the node unless told.
    """
    if group.size <= 1 or data <= 0:
        return 0.0
    within = data * (group.inside - 1) / max(group.inside, 1) / rates.link if group.inside > 1 else 0.0
    hops = hop_s * (group.size - 1)
    if not group.crosses:
        return within + hops
    domains = -(-group.size // group.inside)
    across = data * (domains - 1) / domains / (rates.network * (lanes or group.inside))
    return max(within, across) + hops


def reduce_s(data: float, group: Group, rates: Rates, hop_s: float) -> float:
    """An all-reduce: scatter the sums, then gather them."""
    return 2 * gather_s(data, group, rates, hop_s)


def exchange_s(data: float, group: Group, rates: Rates, hop_s: float) -> float:
    """An all-to-all in which every device sends `data` bytes, an equal part to each of the group."""
    if group.size <= 1 or data <= 0:
        return 0.0
    inside = data * (group.inside - 1) / group.size / rates.link
    outside = data * (group.size - group.inside) / group.size / rates.network
    return max(inside, outside) + hop_s * min(group.size - 1, 64)


def send_s(data: float, rates: Rates, *, crosses: bool) -> float:
    """From one device to another."""
    return data / (rates.network if crosses else rates.link)


def stages_cross(job: Job) -> bool:
    """Whether a stage's neighbour stands in another link domain; stages are the outermost axis."""
    layout = job.layout
    return layout.pp > 1 and layout.num_devices // layout.pp >= job.cluster.link_domain
