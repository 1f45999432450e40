"""NVIDIA's devices for servers.

Rates, memory, links: github.com/stas00/ml-engineering (compute/accelerator, network) and the vendor's data sheets; the
export models (A800, H800, H20, L20) from their data sheets. Reach is measured (best and median of large products, the
same repository); of H20 (few tensor cores for its memory), T4, L4 and A10 (few watts for theirs) it is assumed.
Attention: Dao 2023, arXiv 2307.08691 (Ampere, 0.6 of the peak forward); Shah et al. 2024, arXiv 2407.08608 (Hopper, 0.6
and more; the second generation's kernels reach 0.35 there); cuDNN's on Blackwell alike.
"""

from __future__ import annotations

from danlu.compute.catalogue.card import Card, device
from danlu.compute.catalogue.device import Device

_OLD, _AMPERE, _HOPPER, _BLACKWELL = 0.35, 0.6, 0.6, 0.55

# The commonest of a family stands first: a bare name means it.
_CARDS = (
    #    name              year   bf16   fp32   fp8   fp4   GB   TB/s  link dom  net    W   reach of 16, 8, 4 bits
    Card("A100 SXM 80GB", 2020, 312, 19.5, None, None, 80, 2.0, 300, 8, 25, 400, 0.87, attention=_AMPERE),
    Card("A100 SXM 40GB", 2020, 312, 19.5, None, None, 40, 1.555, 300, 8, 25, 400, 0.87, attention=_AMPERE),
    Card(
        "A100 SXM 64GB", 2022, 312, 19.5, None, None, 64, 1.64, 300, 4, 12.5, 440, 0.87, attention=_AMPERE, per_node=4
    ),
    Card("A100 PCIe 80GB", 2021, 312, 19.5, None, None, 80, 1.94, 31, 1, 25, 300, 0.81, attention=_AMPERE),
    Card("A100 PCIe 40GB", 2020, 312, 19.5, None, None, 40, 1.555, 31, 1, 12.5, 250, 0.81, attention=_AMPERE),
    Card("A800 SXM 80GB", 2022, 312, 19.5, None, None, 80, 2.0, 200, 8, 25, 400, 0.87, attention=_AMPERE),
    Card("A30", 2021, 165, 10.3, None, None, 24, 0.933, 31, 1, 12.5, 165, attention=_AMPERE),
    Card("A40", 2020, 149.7, 37.4, None, None, 48, 0.696, 31, 1, 12.5, 300, attention=_AMPERE),
    Card("A10", 2021, 125, 31.2, None, None, 24, 0.6, 32, 1, None, 150, 0.55, evidence="published", attention=_AMPERE),
    Card("A10G", 2021, 70, 31.5, None, None, 24, 0.6, 32, 1, None, 150, attention=_AMPERE),
    Card("A16", 2021, 18, 4.5, None, None, 16, 0.2, 32, 1, None, 62, attention=_AMPERE),
    Card("A2", 2021, 18, 4.5, None, None, 16, 0.2, 16, 1, None, 60, attention=_AMPERE),
    Card("H100 SXM", 2022, 989, 67, 1979, None, 80, 3.35, 450, 8, 50, 700, 0.80, 0.71, attention=_HOPPER),
    # Meta's Grand Teton, as torchtitan's benchmarks describe it: slower memory, and a power limit
    Card("H100 SXM 96GB 500W", 2023, 989, 67, 1979, None, 96, 2.4, 450, 8, 50, 500, 0.80, 0.71, attention=_HOPPER),
    Card(
        "H100 SXM 64GB", 2023, 989, 67, 1979, None, 64, 2.02, 450, 4, 25, 700, 0.80, 0.71, attention=_HOPPER, per_node=4
    ),
    Card("H100 PCIe", 2022, 756, 51, 1513, None, 80, 2.0, 63, 1, 50, 350, attention=_HOPPER),
    Card("H100 NVL", 2023, 835, 60, 1671, None, 94, 3.9, 300, 2, 25, 400, attention=_HOPPER),
    Card("H200 SXM", 2024, 989, 67, 1979, None, 141, 4.8, 450, 8, 50, 700, 0.79, 0.73, attention=_HOPPER),
    Card("H200 NVL", 2024, 835, 60, 1671, None, 141, 4.8, 450, 4, 50, 600, attention=_HOPPER),
    Card("H800 SXM", 2023, 989, 67, 1979, None, 80, 3.35, 200, 8, 50, 700, 0.80, 0.71, attention=_HOPPER),
    Card("H800 PCIe", 2023, 756, 51, 1513, None, 80, 2.0, 63, 1, 25, 350, attention=_HOPPER),
    Card(
        "H20 96GB",
        2024,
        148,
        44,
        296,
        None,
        96,
        4.0,
        450,
        8,
        50,
        400,
        0.9,
        0.9,
        attention=_HOPPER,
        evidence="published",
    ),
    Card(
        "H20 141GB",
        2025,
        148,
        44,
        296,
        None,
        141,
        4.8,
        450,
        8,
        50,
        400,
        0.9,
        0.9,
        attention=_HOPPER,
        evidence="published",
    ),
    Card("GH200 96GB", 2023, 989, 67, 1979, None, 96, 4.0, 150, 4, 25, 700, 0.80, 0.71, attention=_HOPPER, per_node=4),
    Card(
        "GH200 144GB", 2024, 989, 67, 1979, None, 144, 4.9, 150, 4, 25, 700, 0.80, 0.71, attention=_HOPPER, per_node=4
    ),
    Card("B200 SXM", 2025, 2250, 80, 4500, 9000, 180, 8.0, 900, 8, 100, 1000, 0.73, 0.76, attention=_BLACKWELL),
    Card("B300 SXM", 2025, 2250, 80, 4500, 12600, 288, 8.0, 900, 8, 100, 1000, 0.76, 0.75, attention=_BLACKWELL),
    Card("B100 SXM", 2024, 1750, 60, 3500, 7000, 192, 8.0, 900, 8, 50, 700, attention=_BLACKWELL),
    Card(
        "GB200", 2025, 2500, 80, 5000, 10000, 186, 8.0, 900, 72, 100, 1200, 0.73, 0.72, attention=_BLACKWELL, per_node=4
    ),
    Card("GB300", 2025, 2500, 80, 5000, 15000, 288, 8.0, 900, 72, 100, 1400, 0.76, attention=_BLACKWELL, per_node=4),
    Card("Rubin SXM", 2026, 4000, 130, 17500, 35000, 288, 22.0, 1800, 72, 200, 1800, per_node=4, evidence="announced"),
    Card("L40S", 2023, 362, 91.6, 733, None, 48, 0.864, 32, 1, 50, 350, 0.62, attention=_AMPERE),
    Card("L40", 2022, 181, 90.5, 362, None, 48, 0.864, 32, 1, 25, 300, attention=_AMPERE),
    Card("L20", 2023, 119.5, 59.8, 239, None, 48, 0.864, 32, 1, 25, 275, attention=_AMPERE),
    Card("L4", 2023, 121, 30.3, 242, None, 24, 0.3, 32, 1, None, 72, 0.55, evidence="published", attention=_AMPERE),
    # fp16 only: they have no bf16
    Card("V100 SXM 32GB", 2018, 125, 15.7, None, None, 32, 0.9, 150, 8, 12.5, 300, attention=_OLD),
    Card("V100 SXM 16GB", 2017, 125, 15.7, None, None, 16, 0.9, 150, 8, 12.5, 300, attention=_OLD),
    Card("V100 PCIe 32GB", 2018, 112, 14, None, None, 32, 0.9, 16, 1, 12.5, 250, attention=_OLD),
    Card("V100 PCIe 16GB", 2017, 112, 14, None, None, 16, 0.9, 16, 1, 12.5, 250, attention=_OLD),
    Card("T4", 2018, 65, 8.1, None, None, 16, 0.32, 16, 1, None, 70, 0.45, evidence="published", attention=_OLD),
)

# Too old to buy for training, still met in published runs.
_FORMER = (
    Card("P100 SXM 16GB", 2016, 21.2, 10.6, None, None, 16, 0.732, 80, 4, 12.5, 300, attention=_OLD),
    Card("P100 PCIe 16GB", 2016, 18.7, 9.3, None, None, 16, 0.732, 16, 1, 12.5, 250, attention=_OLD),
    Card("P40", 2016, None, 11.8, None, None, 24, 0.346, 16, 1, None, 250, attention=_OLD),
    Card("K80", 2014, None, 4.1, None, None, 12, 0.24, 16, 1, None, 150, attention=_OLD),
)

# With memory that they share with their host.
_SMALL = (
    Card("DGX Spark GB10", 2025, 125, 31, 250, 500, 128, 0.273, 25, 1, 25, 140, attention=_AMPERE, per_node=1),
    Card("Jetson AGX Thor", 2025, 258, 8, 517, 1035, 128, 0.273, None, 1, None, 130, attention=_AMPERE, per_node=1),
    Card(
        "Jetson AGX Orin 64GB",
        2022,
        42.5,
        5.3,
        None,
        None,
        64,
        0.2048,
        None,
        1,
        None,
        60,
        attention=_AMPERE,
        per_node=1,
    ),
    Card(
        "Jetson AGX Orin 32GB", 2022, 27, 3.4, None, None, 32, 0.2048, None, 1, None, 40, attention=_AMPERE, per_node=1
    ),
    Card(
        "Jetson Orin NX 16GB", 2023, 15, 1.9, None, None, 16, 0.1024, None, 1, None, 25, attention=_AMPERE, per_node=1
    ),
    Card("Jetson Orin Nano 8GB", 2023, 10, 1.3, None, None, 8, 0.102, None, 1, None, 25, attention=_AMPERE, per_node=1),
)
_SOURCE = "stas00/ml-engineering or the vendor's data sheet"


def _devices(cards: tuple[Card, ...]) -> tuple[Device, ...]:
    return tuple(device(card, "NVIDIA", _SOURCE, tensor=True) for card in cards)


SERVERS = _devices(_CARDS)
FORMER = _devices(_FORMER)
SMALL = _devices(_SMALL)
