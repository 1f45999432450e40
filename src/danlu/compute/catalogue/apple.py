"""Apple's chips, by their graphics part and its memory, shared with the host.

Bandwidth from the vendor's pages; fp32 rates from the number of cores and the clock (128 lanes a core); 16 bits have
the same rate up to M4, and about four times it on M5, whose cores multiply matrices. Memory is the usual size: a name
with a size (M2 Max 32GB) or with its cores (38 GPU cores) has its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from danlu.compute.catalogue.card import Card, device
from danlu.compute.catalogue.device import Device


class _Chip(NamedTuple):
    """Graphics cores, fp32 TFLOP/s, GB, GB/s, W."""

    name: str
    year: int
    cores: int
    fp32: float
    memory: float
    gb_s: float
    watts: float


_CHIPS = (
    _Chip("M1", 2020, 8, 2.6, 16, 68, 20),
    _Chip("M1 Pro", 2021, 16, 5.2, 32, 200, 40),
    _Chip("M1 Max", 2021, 32, 10.4, 64, 400, 60),
    _Chip("M1 Ultra", 2022, 64, 20.8, 128, 800, 120),
    _Chip("M2", 2022, 10, 3.6, 16, 100, 22),
    _Chip("M2 Pro", 2023, 19, 6.8, 32, 200, 45),
    _Chip("M2 Max", 2023, 38, 13.6, 96, 400, 70),
    _Chip("M2 Ultra", 2023, 76, 27.2, 192, 800, 150),
    _Chip("M3", 2023, 10, 4.1, 24, 100, 25),
    _Chip("M3 Pro", 2023, 18, 7.4, 36, 150, 45),
    _Chip("M3 Max", 2023, 40, 16.4, 128, 400, 75),
    _Chip("M3 Ultra", 2025, 80, 32.8, 512, 819, 180),
    _Chip("M4", 2024, 10, 4.6, 32, 120, 25),
    _Chip("M4 Pro", 2024, 20, 9.2, 64, 273, 50),
    _Chip("M4 Max", 2024, 40, 18.4, 128, 546, 90),
    _Chip("M5", 2025, 10, 4.8, 32, 153, 28),
    _Chip("M5 Pro", 2026, 20, 9.6, 64, 307, 55),
    _Chip("M5 Max", 2026, 40, 19.2, 128, 614, 95),
    _Chip("M5 Ultra", 2026, 80, 38.4, 256, 1228, 190),
)
_BINNED = {("M3 Max", 30): 300.0, ("M4 Max", 32): 410.0, ("M5 Max", 32): 460.0}  # GB/s with fewer cores
CORES = {chip.name: chip.cores for chip in _CHIPS}


def _device(chip: _Chip) -> Device:
    sixteen = chip.fp32 * (4 if chip.name.startswith("M5") else 1.05)
    row = Card(
        f"Apple {chip.name}",
        chip.year,
        sixteen,
        chip.fp32,
        None,
        None,
        chip.memory,
        chip.gb_s / 1e3,
        None,
        1,
        None,
        chip.watts,
        attention=0.3,
        per_node=1,
        evidence="announced" if chip.name == "M5 Ultra" else "published",
    )
    return device(row, "Apple", "the vendor's pages; rates from cores and clock")


APPLE: tuple[Device, ...] = tuple(_device(chip) for chip in _CHIPS)


def with_cores(chip: Device, cores: int) -> Device:
    """The same chip sold with fewer graphics cores."""
    name = chip.name.removeprefix("Apple ")
    whole = CORES[name]
    if not 0 < cores < whole:
        return chip
    slower = _BINNED.get((name, cores))
    return replace(
        chip,
        name=f"{chip.name} ({cores} GPU cores)",
        peaks={precision: rate * cores / whole for precision, rate in chip.peaks.items()},
        memory_bytes_per_s=chip.memory_bytes_per_s if slower is None else slower * 1e9,
    )
