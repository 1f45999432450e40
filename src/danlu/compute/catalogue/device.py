"""One processor as a planner sees it: rates, memory, links, power, price. Rates are of dense products."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from danlu.compute.catalogue.prices import NO_PRICE, Price

Precision = Literal["fp32", "tf32", "bf16", "fp16", "fp8", "fp4"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
ELEMENT_BYTES: Mapping[Precision, float] = {"fp32": 4, "tf32": 4, "bf16": 2, "fp16": 2, "fp8": 1, "fp4": 0.5}
Evidence = Literal["measured", "published", "announced", "assumed"]


@dataclass(frozen=True, slots=True)
class Device:
    """One processor. Rates in FLOP/s and bytes/s.

    peaks: of dense products by precision; what is missing is computed in the next wider one. reach: the share of its
    peak that a large product reaches in that precision, where someone measured it. attention_reach: the share of the
    bf16 peak that a fused attention kernel reaches. op_s: what the host takes to start one operation.
    link_bytes_per_s: to a device of the same link domain, one way; link_domain: how many such a domain joins (8 of a
    usual server, 72 of an NVL72 rack, 1 without). network_bytes_per_s: to another node, one way, each device's share.
    evidence: whether speeds were measured, published by the vendor, or only announced.
    """

    name: str
    vendor: str
    kind: Literal["cpu", "gpu", "accelerator"]
    year: int | None
    peaks: Mapping[Precision, float]
    reach: Mapping[Precision, float]
    attention_reach: float
    op_s: float
    memory_bytes: float
    memory_bytes_per_s: float
    watts: float
    source: str
    link_bytes_per_s: float | None = None
    link_domain: int = 1
    network_bytes_per_s: float | None = None
    devices_per_node: int = 8
    price: Price = NO_PRICE
    evidence: Evidence = "published"
    assumptions: tuple[str, ...] = ()

    def runs(self, precision: Precision) -> Precision:
        """The precision that products are really computed in: the asked one, or the next wider that it has."""
        wider: Mapping[Precision, tuple[Precision, ...]] = {
            "fp4": ("fp4", "fp8", "bf16", "fp16", "fp32"),
            "fp8": ("fp8", "bf16", "fp16", "fp32"),
            "bf16": ("bf16", "fp16", "fp32"),
            "fp16": ("fp16", "bf16", "fp32"),
            "tf32": ("tf32", "fp32"),
            "fp32": ("fp32",),
        }
        return next(p for p in wider[precision] if p in self.peaks)

    def flops_per_s(self, precision: Precision) -> float:
        """Peak of dense products in that precision."""
        return self.peaks[self.runs(precision)]

    def reached_flops_per_s(self, precision: Precision) -> float:
        """What a large product reaches."""
        used = self.runs(precision)
        return self.peaks[used] * self.reach.get(used, DEFAULT_REACH)

    @property
    def attention_flops_per_s(self) -> float:
        """What a fused attention kernel reaches in bf16."""
        return self.flops_per_s("bf16") * self.attention_reach

    @property
    def usable_bytes(self) -> float:
        """Memory that a run may take: the system, the driver and other programs keep the rest."""
        return (0.9 if self.kind == "cpu" else 0.94) * self.memory_bytes


DEFAULT_REACH = 0.7  # published measurements of large products: 0.5 to 0.9 of the peak
