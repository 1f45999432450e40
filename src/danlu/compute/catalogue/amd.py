"""AMD's devices: Instinct for servers, Radeon, and processors with a large graphics part.

Rates, memory, links: github.com/stas00/ml-engineering (compute/accelerator, network), zhebrak/llm-cluster-simulator and
data sheets. Reach is measured (best of large products, the first). A link's figure is the sum to all seven others.
Attention: ROCm's fused kernels reach a third of the peak (Composable Kernel's own figures).
"""

from __future__ import annotations

from danlu.compute.catalogue.card import Card, device
from danlu.compute.catalogue.device import Device

_CARDS = (
    #    name        year   bf16   fp32   fp8   fp4   GB   TB/s  link dom net   W   reach of 16, 8 bits
    Card("MI300X", 2023, 1307, 163.4, 2614, None, 192, 5.3, 448, 8, 50, 750, 0.51, tf32=653.7),
    Card("MI300A", 2023, 980, 122.6, 1961, None, 128, 5.3, 384, 4, 25, 550, tf32=490, per_node=4),
    Card("MI308X", 2024, 344, 43, 688, None, 192, 5.3, 448, 8, 50, 650, evidence="assumed"),
    Card("MI325X", 2024, 1307, 163.4, 2614, None, 256, 6.0, 448, 8, 50, 1000, 0.60, tf32=653.7),
    Card("MI350X", 2025, 2307, 144.2, 4614, 9228, 288, 8.0, 535.5, 8, 50, 1000),
    Card("MI355X", 2025, 2500, 157.3, 5000, 10100, 288, 8.0, 535.5, 8, 50, 1400, 0.63),
    Card("MI455X", 2026, 10000, 310, 20000, 40000, 432, 19.6, 1800, 72, 300, 2000, per_node=4, evidence="announced"),
    Card("MI250X", 2021, 383, 47.9, None, None, 128, 3.28, 350, 4, 25, 560, per_node=4),
    Card("MI250X GCD", 2021, 191.5, 23.9, None, None, 64, 1.64, 200, 8, 12.5, 280),
    Card("MI250", 2021, 362, 45.3, None, None, 128, 3.28, 350, 4, 25, 560, per_node=4),
    Card("MI210", 2022, 181, 22.6, None, None, 64, 1.64, 150, 4, 12.5, 300),
    Card("MI100", 2020, 184.6, 23.1, None, None, 32, 1.229, 138, 4, 12.5, 300),
    Card("MI50", 2018, 26.5, 13.3, None, None, 32, 1.024, 46, 4, None, 300),
    Card("RX 9070 XT", 2025, 195, 48.7, 389, None, 16, 0.64, 63, 1, None, 304),
    Card("RX 9070", 2025, 145, 36.1, 289, None, 16, 0.64, 63, 1, None, 220),
    Card("RX 7900 XTX", 2022, 122.8, 61.4, None, None, 24, 0.96, 32, 1, None, 355),
    Card("RX 7900 XT", 2022, 103, 51.5, None, None, 20, 0.8, 32, 1, None, 315),
    Card("RX 7800 XT", 2023, 74.6, 37.3, None, None, 16, 0.624, 32, 1, None, 263),
    Card("RX 7600 XT", 2024, 45, 22.6, None, None, 16, 0.288, 32, 1, None, 190),
    Card("RX 6900 XT", 2020, 46, 23, None, None, 16, 0.512, 32, 1, None, 300),
    Card("RX 6800 XT", 2020, 41, 20.7, None, None, 16, 0.512, 32, 1, None, 300),
    Card("Radeon AI Pro R9700", 2025, 191, 47.8, 383, None, 32, 0.64, 63, 1, None, 300),
    Card("Radeon Pro W7900", 2023, 122.6, 61.3, None, None, 48, 0.864, 32, 1, None, 295),
    Card("Radeon Pro W7800", 2023, 90, 45, None, None, 32, 0.576, 32, 1, None, 260),
    Card("Radeon Pro W7700", 2023, 56.5, 28.3, None, None, 16, 0.576, 32, 1, None, 190),
)

# With memory that they share with their host.
_SMALL = (
    Card("Ryzen AI Max+ 395", 2025, 59.4, 29.7, None, None, 128, 0.256, None, 1, None, 120, per_node=1),
    Card("Ryzen AI Max 390", 2025, 47.5, 23.8, None, None, 64, 0.256, None, 1, None, 120, per_node=1),
    Card("Ryzen AI Max 385", 2025, 47.5, 23.8, None, None, 64, 0.256, None, 1, None, 120, per_node=1),
    Card("Ryzen AI 9 HX 370", 2024, 23.8, 11.9, None, None, 32, 0.12, None, 1, None, 54, per_node=1),
    Card("Ryzen AI 5 340", 2025, 5.9, 3.0, None, None, 16, 0.09, None, 1, None, 28, per_node=1),
    Card("Radeon 780M", 2023, 16.6, 8.3, None, None, 32, 0.09, None, 1, None, 54, per_node=1),
)
_SOURCE = "stas00/ml-engineering or the vendor's data sheet"

AMD: tuple[Device, ...] = tuple(device(card, "AMD", _SOURCE) for card in _CARDS)
AMD_SMALL: tuple[Device, ...] = tuple(device(card, "AMD", _SOURCE) for card in _SMALL)
