"""GPUs: rates, memory, links, power, rent.

Facts: github.com/stas00/ml-engineering (compute/accelerator, network), read 2026; A10, L4, T4 and GeForce cards from the
vendor's data sheets. Rent is the median one-year price of github.com/zhebrak/llm-cluster-simulator (2026-02). Reach is
measured (best and median of large products, the same repository), where a figure stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from danlu.compute.catalogue.device import Device, Precision, Price


class Card(NamedTuple):
    """A row: TFLOP/s by precision, GB, TB/s, GB/s one way, W, USD/h; the reach of large products in bf16 and fp8."""

    name: str
    year: int
    bf16: float
    fp32: float
    fp8: float | None
    fp4: float | None
    memory: float
    bandwidth: float
    link: float | None
    domain: int
    network: float | None
    watts: float
    rent: float | None
    reach: float | None = None
    reach8: float | None = None


_CARDS = (
    #     name           year   bf16   fp32   fp8   fp4    GB   TB/s  link dom  net    W   USD/h  reach
    Card("A100 SXM 40GB", 2020, 312, 19.5, None, None, 40, 1.555, 300, 8, 25, 400, 1.50, 0.87),
    Card("A100 SXM 80GB", 2020, 312, 19.5, None, None, 80, 2.0, 300, 8, 25, 400, 1.75, 0.87),
    Card("A100 PCIe 80GB", 2021, 312, 19.5, None, None, 80, 1.94, 31, 1, 25, 300, None, 0.81),
    Card("H100 SXM", 2022, 989, 67, 1979, None, 80, 3.35, 450, 8, 50, 700, 2.50, 0.80, 0.71),
    Card("H100 PCIe", 2022, 756, 51, 1513, None, 80, 2.0, 63, 1, 50, 350, 2.25),
    Card("H200 SXM", 2024, 989, 67, 1979, None, 141, 4.8, 450, 8, 50, 700, 3.50, 0.79, 0.73),
    Card("B200 SXM", 2025, 2250, 80, 4500, 9000, 180, 8.0, 900, 8, 100, 1000, 5.00, 0.73, 0.76),
    Card("B300 SXM", 2025, 2250, 80, 4500, 12600, 288, 8.0, 900, 8, 100, 1000, None, 0.76, 0.75),
    Card("GB200", 2025, 2500, 80, 5000, 10000, 186, 8.0, 900, 72, 100, 1200, 6.00, 0.73, 0.72),
    Card("GB300", 2025, 2500, 80, 5000, 15000, 288, 8.0, 900, 72, 100, 1400, None, 0.76),
    Card("L40S", 2023, 362, 91.6, 733, None, 48, 0.864, 32, 1, 50, 350, 1.00, 0.62),
    Card("A10", 2021, 125, 31.2, None, None, 24, 0.6, 32, 1, None, 150, None),
    Card("A10G", 2021, 70, 31.5, None, None, 24, 0.6, 32, 1, None, 150, 1.00),
    Card("L4", 2023, 121, 30.3, 242, None, 24, 0.3, 32, 1, None, 72, None),
    Card("T4", 2018, 65, 8.1, None, None, 16, 0.32, 16, 1, None, 70, None),  # fp16: it has no bf16
    Card("RTX 3090", 2020, 71, 35.6, None, None, 24, 0.936, 32, 1, None, 350, None),
    Card("RTX 4090", 2022, 165.2, 82.6, 330.3, None, 24, 1.008, 32, 1, None, 450, 0.50),
    Card("RTX 5090", 2025, 209.5, 105.2, 419, 838, 32, 1.792, 63, 1, None, 575, None),
    Card("MI300X", 2023, 1307, 163.4, 2614, None, 192, 5.3, 448, 8, 50, 750, 2.00, 0.51),
    Card("MI325X", 2024, 1307, 163.4, 2614, None, 256, 6.0, 448, 8, 50, 1000, 2.50, 0.60),
    Card("MI355X", 2025, 2500, 157.3, 5000, 10100, 288, 8.0, 535.5, 8, 50, 1400, None, 0.63),
)


def device(card: Card, vendor: str) -> Device:
    """A row as a Device."""
    rates = {"bf16": card.bf16, "fp16": card.bf16, "fp32": card.fp32, "fp8": card.fp8, "fp4": card.fp4}
    peaks: Mapping[Precision, float] = {p: rate * 1e12 for p, rate in rates.items() if rate is not None}  # type: ignore[misc]
    reached = {"bf16": card.reach, "fp16": card.reach, "fp8": card.reach8}
    return Device(
        name=card.name,
        vendor=vendor,
        kind="gpu",
        year=card.year,
        peaks=peaks,
        reach={p: share for p, share in reached.items() if share is not None},  # type: ignore[misc]
        attention_reach=0.35,
        op_s=8e-6,
        memory_bytes=card.memory * 1e9,
        memory_bytes_per_s=card.bandwidth * 1e12,
        watts=card.watts,
        source="stas00/ml-engineering or the vendor's data sheet",
        link_bytes_per_s=None if card.link is None else card.link * 1e9,
        link_domain=card.domain,
        network_bytes_per_s=None if card.network is None else card.network * 1e9,
        devices_per_node=4 if card.domain == 72 else 8,
        price=Price(card.rent, "2026-02" if card.rent else ""),
        evidence="measured" if card.reach else "published",
        assumptions=() if card.reach else (f"large products reach 70% of the {card.name}'s peak (not measured)",),
    )


CARDS: tuple[Device, ...] = tuple(device(card, "AMD" if card.name.startswith("MI") else "NVIDIA") for card in _CARDS)
