"""Accelerators of other vendors: TPU, Gaudi, Trainium, Ascend, Intel, Tenstorrent, Groq.

Facts: github.com/stas00/ml-engineering (compute/accelerator, network), cloud.google.com/tpu/docs (system architecture),
awsdocs-neuron.readthedocs-hosted.com, data sheets; Ascend from the press (techpowerup.com, SemiAnalysis). A TPU's link
is half of the printed interconnect bandwidth, one way; its domain is a pod. Their software is less evidenced than
NVIDIA's: reach is measured for Gaudi only.
"""

from __future__ import annotations

from danlu.compute.catalogue.card import Card, device
from danlu.compute.catalogue.device import Device

_TPU = (
    #    name        year  bf16  fp32  fp8   fp4  GB   TB/s link  dom   net   W
    Card("TPU v7x", 2025, 2307, 144, 4614, None, 192, 7.37, 600, 9216, 25, 960, per_node=4),
    Card("TPU v6e", 2024, 918, 57, 918, None, 32, 1.64, 200, 256, 12.5, 390, per_node=8),
    Card("TPU v5p", 2023, 459, 29, None, None, 95, 2.76, 300, 8960, 6.25, 540, per_node=4),
    Card("TPU v5e", 2023, 197, 12, None, None, 16, 0.82, 100, 256, 3.1, 220, per_node=8),
    Card("TPU v4", 2021, 275, 17, None, None, 32, 1.2, 150, 4096, 6.25, 192, per_node=4),
    Card("TPU v3", 2018, 123, 7.7, None, None, 32, 0.9, 82, 1024, 3.1, 220, per_node=4),
    Card("TPU v2", 2017, 46, 2.9, None, None, 16, 0.7, 62, 256, 3.1, 280, per_node=4),
)
_REST = (
    Card("Gaudi 3", 2024, 1677, 229, 1677, None, 128, 3.7, 600, 8, 75, 900, 0.74, 0.77, tf32=459),
    Card("Gaudi 2", 2022, 432, 54, 865, None, 96, 2.46, 300, 8, 37.5, 600, 0.97, 0.96),
    Card("Data Center GPU Max 1550", 2023, 839, 52, None, None, 128, 3.28, 318, 6, 50, 600, tf32=419, per_node=6),
    Card("Data Center GPU Max 1100", 2023, 362, 22, None, None, 48, 1.23, 159, 4, 25, 300, tf32=181),
    Card("Arc B580", 2024, 116.7, 13.7, None, None, 12, 0.456, 16, 1, None, 190),
    Card("Arc A770", 2022, 137.6, 17.2, None, None, 16, 0.56, 32, 1, None, 225),
    Card("Arc Pro B50", 2025, 85, 10.7, None, None, 16, 0.224, 32, 1, None, 70),
    Card("Arc Pro B60", 2025, 98, 12.3, None, None, 24, 0.456, 32, 1, None, 200),
    Card("Arc Pro B70", 2026, 183, 22.9, None, None, 32, 0.608, 63, 1, None, 230),
    Card("Trainium3", 2025, 671, 183, 2517, 2517, 144, 4.9, 1280, 144, 25, 1000, tf32=671, per_node=16),
    Card("Trainium2", 2024, 667, 181, 1299, None, 96, 2.9, 640, 64, 25, 500, tf32=667, per_node=16),
    Card("Trainium1", 2022, 190, 47.5, 190, None, 32, 0.82, 192, 16, 6.25, 385, tf32=190, per_node=16),
    Card("Inferentia2", 2023, 190, 47.5, 190, None, 32, 0.82, 96, 12, None, 385, per_node=12),
    Card("Ascend 910B", 2023, 320, 80, None, None, 64, 1.6, 196, 8, 25, 400, evidence="assumed"),
    Card("Ascend 910C", 2025, 780, 195, None, None, 128, 3.2, 392, 384, 50, 800, per_node=16, evidence="assumed"),
    Card("Ascend 910A", 2019, 256, 64, None, None, 32, 1.2, 45, 8, 12.5, 310, evidence="assumed"),
    Card("Ascend 950DT", 2026, 486, 120, 919, 1783, 96, 4.0, 840, 8192, 50, 700, evidence="announced"),
    Card("Ascend 310P", 2021, 70, 17, None, None, 24, 0.102, 16, 1, None, 72, evidence="assumed"),
)
_INFERENCE = (
    Card("Tenstorrent Wormhole n150", 2024, 74, 9.3, 262, None, 12, 0.288, 50, 1, None, 160),
    Card("Tenstorrent Wormhole n300", 2024, 131, 16.4, 466, None, 24, 0.576, 50, 4, None, 300),
    Card("Tenstorrent Blackhole p100", 2025, 166, 20.8, 664, None, 28, 0.448, 63, 1, None, 300),
    Card("Tenstorrent Blackhole p150", 2025, 194, 24.2, 774, None, 32, 0.512, 200, 4, None, 300, per_node=4),
    Card("Groq LPU", 2020, 188, 24, None, None, 0.23, 80, 50, 576, 12.5, 300),
)


def _devices(cards: tuple[Card, ...], vendor: str) -> tuple[Device, ...]:
    return tuple(
        device(card, vendor or _vendor(card.name), "stas00/ml-engineering or the vendor", accelerator=True)
        for card in cards
    )


def _vendor(name: str) -> str:
    starts = {"Gaudi": "Intel", "Data": "Intel", "Arc": "Intel", "Ascend": "Huawei", "Tenstorrent": "Tenstorrent"}
    return starts.get(name.split(maxsplit=1)[0], "Groq" if name.startswith("Groq") else "AWS")


OTHERS = (*_devices(_TPU, "Google"), *_devices(_REST, ""))
INFERENCE = _devices(_INFERENCE, "")
