"""NVIDIA's cards for workstations and for players, on PCIe.

Rates from the vendor's architecture papers (Turing, Ampere GA102, Ada, Blackwell), dense with fp32 sums: a GeForce's
tensor cores do these at half the rate of a workstation card's. Such cards come near their rated peaks, which are few
for their memory's bandwidth and stated at clocks that they exceed: 0.9 and 0.85 stand for it (by torchtune's README an
RTX A6000 holds 0.8 of its peak over a whole training step). Attention likewise.
"""

from __future__ import annotations

from danlu.compute.catalogue.card import Card, device
from danlu.compute.catalogue.device import Device

_PCIE3, _PCIE4, _PCIE5 = 16.0, 32.0, 63.0


def _geforce(name: str, year: int, fp32: float, memory: float, gb_s: float, watts: float) -> Card:  # noqa: PLR0917
    """Tensor rates follow the vector rate: twice it in 16 bits, from Ada on four times in 8, from Blackwell 16 in 4."""
    eight = 4 * fp32 if year >= 2022 and "30" not in name.split()[1][:2] else None
    four = 16 * fp32 if year >= 2025 else None
    bus = _PCIE5 if year >= 2025 else _PCIE4
    return Card(
        name,
        year,
        2 * fp32,
        fp32,
        eight,
        four,
        memory,
        gb_s / 1e3,
        bus,
        1,
        None,
        watts,
        0.9,
        evidence="published",
        attention=0.75,
    )


def _workstation(name: str, year: int, fp32: float, memory: float, gb_s: float, watts: float) -> Card:  # noqa: PLR0917
    """Sums in fp32 cost nothing here: four times the vector rate in 16 bits, then twice for each halving."""
    eight = 8 * fp32 if year >= 2022 else None
    four = 16 * fp32 if year >= 2025 else None
    bus = _PCIE5 if year >= 2025 else _PCIE4
    return Card(
        name,
        year,
        4 * fp32,
        fp32,
        eight,
        four,
        memory,
        gb_s / 1e3,
        bus,
        1,
        None,
        watts,
        0.85,
        evidence="published",
        attention=0.6,
    )


_DESKTOP = (
    _geforce("RTX 3060", 2021, 12.7, 12, 360, 170),
    _geforce("RTX 3060 Ti", 2020, 16.2, 8, 448, 200),
    _geforce("RTX 3070", 2020, 20.3, 8, 448, 220),
    _geforce("RTX 3070 Ti", 2021, 21.7, 8, 608, 290),
    _geforce("RTX 3080", 2020, 29.8, 10, 760, 320),
    _geforce("RTX 3080 12GB", 2022, 30.6, 12, 912, 350),
    _geforce("RTX 3080 Ti", 2021, 34.1, 12, 912, 350),
    _geforce("RTX 3090", 2020, 35.6, 24, 936, 350),
    _geforce("RTX 3090 Ti", 2022, 40.0, 24, 1008, 450),
    _geforce("RTX 4060", 2023, 15.1, 8, 272, 115),
    _geforce("RTX 4060 Ti", 2023, 22.1, 16, 288, 165),
    _geforce("RTX 4070", 2023, 29.1, 12, 504, 200),
    _geforce("RTX 4070 Super", 2024, 35.5, 12, 504, 220),
    _geforce("RTX 4070 Ti", 2023, 40.1, 12, 504, 285),
    _geforce("RTX 4070 Ti Super", 2024, 44.1, 16, 672, 285),
    _geforce("RTX 4080", 2022, 48.7, 16, 717, 320),
    _geforce("RTX 4080 Super", 2024, 52.2, 16, 736, 320),
    _geforce("RTX 4090", 2022, 82.6, 24, 1008, 450),
    _geforce("RTX 4090D", 2023, 73.5, 24, 1008, 425),
    _geforce("RTX 5060", 2025, 19.2, 8, 448, 145),
    _geforce("RTX 5060 Ti", 2025, 23.7, 16, 448, 180),
    _geforce("RTX 5070", 2025, 30.9, 12, 672, 250),
    _geforce("RTX 5070 Ti", 2025, 43.9, 16, 896, 300),
    _geforce("RTX 5080", 2025, 56.3, 16, 960, 360),
    _geforce("RTX 5090", 2025, 104.8, 32, 1792, 575),
    _workstation("RTX A6000", 2020, 38.7, 48, 768, 300),
    _workstation("RTX A5500", 2022, 34.1, 24, 768, 230)._replace(fp8=None),
    _workstation("RTX A5000", 2021, 27.8, 24, 768, 230),
    _workstation("RTX A4500", 2021, 23.7, 20, 640, 200),
    _workstation("RTX A4000", 2021, 19.2, 16, 448, 140),
    _workstation("RTX A2000", 2021, 8.0, 12, 288, 70),
    _workstation("RTX 6000 Ada", 2022, 91.1, 48, 960, 300),
    _workstation("RTX 5880 Ada", 2024, 69.3, 48, 960, 285),
    _workstation("RTX 5000 Ada", 2023, 65.3, 32, 576, 250),
    _workstation("RTX 4500 Ada", 2023, 39.6, 24, 432, 210),
    _workstation("RTX 4000 Ada", 2023, 26.7, 20, 360, 130),
    _workstation("RTX 2000 Ada", 2024, 12.0, 16, 224, 70),
    _workstation("RTX PRO 6000", 2025, 126, 96, 1792, 600),
    _workstation("RTX PRO 6000 Server Edition", 2025, 120, 96, 1597, 600)._replace(network=50),
    _workstation("RTX PRO 6000 Max-Q", 2025, 110, 96, 1792, 300),
    _workstation("RTX PRO 5000", 2025, 73.7, 48, 1344, 300),
    _workstation("RTX PRO 4500", 2025, 54.9, 32, 896, 200),
    _workstation("RTX PRO 4000", 2025, 46.9, 24, 672, 140),
)

# Laptops, and cards before 2020 (fp16 in place of bf16 on Turing, neither before).
_OTHER = (
    _geforce("RTX 3060 Laptop", 2021, 10.9, 6, 336, 115),
    _geforce("RTX 3070 Laptop", 2021, 15.9, 8, 448, 125),
    _geforce("RTX 3080 Laptop", 2021, 18.7, 16, 448, 150),
    _geforce("RTX 3080 Ti Laptop", 2022, 23.6, 16, 512, 150),
    _geforce("RTX 4050 Laptop", 2023, 9.0, 6, 192, 100),
    _geforce("RTX 4060 Laptop", 2023, 11.6, 8, 256, 115),
    _geforce("RTX 4070 Laptop", 2023, 15.6, 8, 256, 115),
    _geforce("RTX 4080 Laptop", 2023, 24.7, 12, 432, 150),
    _geforce("RTX 4090 Laptop", 2023, 33.0, 16, 576, 150),
    _geforce("RTX 5060 Laptop", 2025, 13.2, 8, 448, 100),
    _geforce("RTX 5070 Laptop", 2025, 14.7, 8, 448, 100),
    _geforce("RTX 5070 Ti Laptop", 2025, 18.3, 12, 672, 115),
    _geforce("RTX 5080 Laptop", 2025, 23.0, 16, 896, 150),
    _geforce("RTX 5090 Laptop", 2025, 31.8, 24, 896, 150),
    _geforce("RTX 3050", 2022, 9.1, 8, 224, 130)._replace(fp8=None),
    _workstation("RTX A400", 2024, 2.7, 4, 96, 50)._replace(fp8=None),
    _workstation("RTX A1000", 2024, 6.7, 8, 192, 50)._replace(fp8=None),
    Card("RTX 2060", 2019, 26, 6.5, None, None, 6, 0.336, _PCIE3, 1, None, 160),
    Card("RTX 2070 Super", 2019, 36, 9.1, None, None, 8, 0.448, _PCIE3, 1, None, 215),
    Card("RTX 2080", 2018, 40, 10.1, None, None, 8, 0.448, _PCIE3, 1, None, 215),
    Card("RTX 2080 Ti", 2018, 53.8, 13.4, None, None, 11, 0.616, _PCIE3, 1, None, 250),
    Card("Titan RTX", 2018, 130, 16.3, None, None, 24, 0.672, _PCIE3, 1, None, 280),
    Card("Titan V", 2017, 110, 13.8, None, None, 12, 0.653, _PCIE3, 1, None, 250),
    Card("Quadro RTX 8000", 2018, 130, 16.3, None, None, 48, 0.672, _PCIE3, 1, None, 260),
    Card("Quadro RTX 6000", 2018, 130, 16.3, None, None, 24, 0.672, _PCIE3, 1, None, 260),
    Card("Quadro RTX 5000", 2018, 89, 11.2, None, None, 16, 0.448, _PCIE3, 1, None, 230),
    Card("GTX 1080 Ti", 2017, None, 11.3, None, None, 11, 0.484, _PCIE3, 1, None, 250),
    Card("GTX 1080", 2016, None, 8.9, None, None, 8, 0.32, _PCIE3, 1, None, 180),
)
_SOURCE = "the vendor's architecture papers"


def _devices(cards: tuple[Card, ...]) -> tuple[Device, ...]:
    return tuple(device(card, "NVIDIA", _SOURCE, tensor=True) for card in cards)


WORKSTATIONS = _devices(_DESKTOP)
LAPTOPS = _devices(_OTHER)
