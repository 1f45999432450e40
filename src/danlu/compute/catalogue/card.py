"""A row of a table of devices, in the units of data sheets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from danlu.compute.catalogue.device import DEFAULT_REACH, Device, Evidence, Precision
from danlu.compute.catalogue.prices import NO_PRICE, PRICES


class Card(NamedTuple):
    """Dense TFLOP/s by precision (fp32 sums), GB, TB/s, GB/s one way by link and by network, W.

    domain: devices that its links join. reach, reach8, reach4: share of the peak that large products reach in 16, 8
    and 4 bits, measured unless `evidence` says otherwise. attention: share of the bf16 peak that today's fused
    attention kernels reach. tf32: where it is not half of bf16, as on tensor cores. per_node: devices of a server.
    """

    name: str
    year: int
    bf16: float | None
    fp32: float
    fp8: float | None
    fp4: float | None
    memory: float
    bandwidth: float
    link: float | None
    domain: int
    network: float | None
    watts: float
    reach: float | None = None
    reach8: float | None = None
    reach4: float | None = None
    attention: float = 0.35
    per_node: int = 8
    evidence: Evidence | None = None
    tf32: float | None = None


def device(card: Card, vendor: str, source: str, *, tensor: bool = False, accelerator: bool = False) -> Device:
    """A row as a Device. tensor: whether tensor cores multiply tf32 at half the rate of bf16 (NVIDIA since 2020)."""
    half = card.bf16 / 2 if tensor and card.bf16 and card.year >= 2020 else None
    rates: Mapping[Precision, float | None] = {
        "bf16": card.bf16,
        "fp16": card.bf16,
        "tf32": card.tf32 or half,
        "fp32": card.fp32,
        "fp8": card.fp8,
        "fp4": card.fp4,
    }
    reached: Mapping[Precision, float | None] = {
        "bf16": card.reach,
        "fp16": card.reach,
        "fp8": card.reach8,
        "fp4": card.reach4,
    }
    evidence = card.evidence or ("measured" if card.reach is not None else "published")
    told = card.reach or DEFAULT_REACH
    assumed = f"large products reach {told:.0%} of the {card.name}'s peak (not measured)"
    return Device(
        name=card.name,
        vendor=vendor,
        kind="accelerator" if accelerator else "gpu",
        year=card.year,
        peaks={p: rate * 1e12 for p, rate in rates.items() if rate is not None},
        reach={p: share for p, share in reached.items() if share is not None},
        attention_reach=card.attention,
        op_s=8e-6,
        memory_bytes=card.memory * 1e9,
        memory_bytes_per_s=card.bandwidth * 1e12,
        watts=card.watts,
        source=source,
        link_bytes_per_s=None if card.link is None else card.link * 1e9,
        link_domain=card.domain,
        network_bytes_per_s=None if card.network is None else card.network * 1e9,
        devices_per_node=card.per_node,
        price=PRICES.get(card.name, NO_PRICE),
        evidence=evidence,
        assumptions=() if evidence == "measured" else (assumed,),
    )
