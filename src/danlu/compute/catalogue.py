"""What devices can do: peak rates (dense), memory, power, rent. Facts with their sources; assumptions say so.

GPU facts: github.com/stas00/ml-engineering (compute/accelerator, network), read 2026. A10, A10G, L4, T4 and the GeForce
cards: vendors' data sheets, checked against public tables where these had the figure. Rates are FLOP/s of dense
products with fp32 accumulation. Rent is the median one-year price of github.com/zhebrak/llm-cluster-simulator
(2026-02), None where no source was found.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple, get_args

from danlu.errors import RecipeError

Isa = Literal["amx_bf16", "avx512_bf16", "avx512", "neon_bf16", "avx2", "neon", "sse2"]
ISAS: tuple[Isa, ...] = get_args(Isa)  # the widest first
Precision = Literal["bf16", "fp32"]


@dataclass(frozen=True, slots=True)
class Device:
    """One processor. Rates in FLOP/s and bytes/s.

    efficiency: share of these rates that a model's matrix products reach. attention_flops_per_s: what the attention
    kernel reaches. op_s: what the host takes to start one operation. links: to devices of the same node
    and of another one, one way, for each device. rent_usd_h: one hour, on the date given.
    """

    name: str
    kind: Literal["cpu", "gpu"]
    bf16_flops_per_s: float
    fp32_flops_per_s: float
    memory_bytes: float
    memory_bytes_per_s: float
    watts: float
    efficiency: float
    attention_flops_per_s: float
    op_s: float
    source: str
    fp8_flops_per_s: float | None = None
    fp4_flops_per_s: float | None = None
    link_bytes_per_s: float | None = None
    network_bytes_per_s: float | None = None
    rent_usd_h: float | None = None
    rent_date: str | None = None
    assumptions: tuple[str, ...] = ()

    def flops_per_s(self, precision: Precision) -> float:
        """Peak of dense products in that precision."""
        return self.bf16_flops_per_s if precision == "bf16" else self.fp32_flops_per_s

    @property
    def usable_bytes(self) -> float:
        """Memory that a run may take: the system, the driver and other programs keep the rest."""
        return (0.9 if self.kind == "cpu" else 0.94) * self.memory_bytes


@dataclass(frozen=True, slots=True)
class _Rates:
    """FLOP per cycle and core that PyTorch's matrix products reach, not what the instruction set allows."""

    bf16: float
    fp32: float


# Measured with PyTorch 2.13 (oneDNN) on products of 1,000 x 576 x 1,536: avx512_bf16, and avx512 and avx2 by
# ONEDNN_MAX_CPU_ISA, on a Zen 4 core; amx_bf16 on a Sapphire Rapids core that shares its AMX unit with another one.
# Without hardware for it, bf16 is slower than fp32. neon and sse2 are not measured: from the width of their units.
_CPU_RATES: Mapping[Isa, _Rates] = {
    "amx_bf16": _Rates(150, 26),
    "avx512_bf16": _Rates(58, 26),
    "avx512": _Rates(10.5, 26),
    "neon_bf16": _Rates(40, 12),
    "avx2": _Rates(5.5, 26),
    "neon": _Rates(6, 12),
    "sse2": _Rates(1.5, 6),
}
_TURBO = 1.35  # sustained clock over the nominal one; a virtual machine shows only the nominal clock
_CPU_SHAPE_SHARE = 0.8  # what a model's own, smaller products reach of these rates
_CORE_BYTES_PER_S = 14e9  # measured: two cores copy and read at 29 GB/s
_CPU_BYTES_PER_S = 60e9  # a laptop with two channels of DDR5
_PARALLEL_LOSS = 0.06  # each further core adds this much less than the first; measured 0.88 for two


def cpu(name: str, *, isa: Isa, cores: int, clock_hz: float, memory_bytes: float) -> Device:
    """A CPU with `cores` cores at work, from its instruction set and nominal clock."""
    rates = _CPU_RATES[isa]
    clock = clock_hz * _TURBO if clock_hz < 3.2e9 else clock_hz
    working = cores / (1 + _PARALLEL_LOSS * (cores - 1)) if cores < 16 else cores / (1 + _PARALLEL_LOSS * 15)
    bandwidth = min(working * _CORE_BYTES_PER_S, max(_CPU_BYTES_PER_S, cores * 4e9))
    watts = 10 + 8 * cores
    return Device(
        name=name,
        kind="cpu",
        bf16_flops_per_s=working * clock * rates.bf16,
        fp32_flops_per_s=working * clock * rates.fp32,
        memory_bytes=memory_bytes,
        memory_bytes_per_s=bandwidth,
        watts=watts,
        efficiency=_CPU_SHAPE_SHARE,
        attention_flops_per_s=working * clock * 18,
        op_s=6e-6,
        source=f"this machine: {cores} cores, {isa}, {clock_hz / 1e9:.1f} GHz nominal",
        assumptions=(
            f"the CPU holds {clock / 1e9:.1f} GHz and reaches {rates.bf16:g} bf16 FLOP per cycle and core ({isa})",
            f"its memory gives {bandwidth / 1e9:.0f} GB/s",
            f"it takes {watts:.0f} W while it works (8 W a core and 10 W for the rest)",
        ),
    )


class _Card(NamedTuple):
    """A row of the table: TFLOP/s, GB, TB/s, GB/s, W, USD/h."""

    name: str
    bf16: float
    fp32: float
    fp8: float | None
    fp4: float | None
    memory: float
    bandwidth: float
    link: float | None
    network: float | None
    watts: float
    rent: float | None


_CARDS = (
    #     name              bf16   fp32   fp8   fp4    GB   TB/s  link  net    W   USD/h
    _Card("A100 SXM 40GB", 312, 19.5, None, None, 40, 1.555, 300, 25, 400, 1.50),
    _Card("A100 SXM 80GB", 312, 19.5, None, None, 80, 2.0, 300, 25, 400, 1.75),
    _Card("A100 PCIe 80GB", 312, 19.5, None, None, 80, 1.94, 31, 25, 300, None),
    _Card("H100 SXM", 989, 67, 1979, None, 80, 3.35, 450, 50, 700, 2.50),
    _Card("H100 PCIe", 756, 51, 1513, None, 80, 2.0, 63, 50, 350, 2.25),
    _Card("H200 SXM", 989, 67, 1979, None, 141, 4.8, 450, 50, 700, 3.50),
    _Card("B200 SXM", 2250, 80, 4500, 9000, 180, 8.0, 900, 100, 1000, 5.00),
    _Card("B300 SXM", 2250, 80, 4500, 12600, 288, 8.0, 900, 100, 1000, None),
    _Card("L40S", 362, 91.6, 733, None, 48, 0.864, 32, 50, 350, 1.00),
    _Card("A10", 125, 31.2, None, None, 24, 0.6, 32, None, 150, None),
    _Card("A10G", 70, 31.5, None, None, 24, 0.6, 32, None, 150, 1.00),
    _Card("L4", 121, 30.3, 242, None, 24, 0.3, 32, None, 72, None),
    _Card("T4", 65, 8.1, None, None, 16, 0.32, 16, None, 70, None),  # fp16: it has no bf16
    _Card("RTX 3090", 71, 35.6, None, None, 24, 0.936, 32, None, 350, None),
    _Card("RTX 4090", 165.2, 82.6, 330.3, None, 24, 1.008, 32, None, 450, 0.50),
    _Card("RTX 5090", 209.5, 105.2, 419, 838, 32, 1.792, 63, None, 575, None),
    _Card("MI300X", 1307, 163.4, 2614, None, 192, 5.3, 448, 50, 750, 2.00),
    _Card("MI325X", 1307, 163.4, 2614, None, 256, 6.0, 448, 50, 1000, 2.50),
    _Card("MI355X", 2500, 157.3, 5000, 10100, 288, 8.0, 535.5, 50, 1400, None),
)
_BY_DATA_SHEET = {"A10", "A10G", "L4", "T4", "RTX 3090", "RTX 4090", "RTX 5090"}
_GEMM_SHARE = 0.7  # published measurements of large products: 0.5 to 0.9 of the peak


def _scaled(value: float | None, unit: float) -> float | None:
    return None if value is None else value * unit


def _device(card: _Card) -> Device:
    return Device(
        name=card.name,
        kind="gpu",
        bf16_flops_per_s=card.bf16 * 1e12,
        fp32_flops_per_s=card.fp32 * 1e12,
        memory_bytes=card.memory * 1e9,
        memory_bytes_per_s=card.bandwidth * 1e12,
        watts=card.watts,
        efficiency=_GEMM_SHARE,
        attention_flops_per_s=0.35 * card.bf16 * 1e12,
        op_s=8e-6,
        source="vendor's data sheet" if card.name in _BY_DATA_SHEET else "stas00/ml-engineering, compute/accelerator",
        fp8_flops_per_s=_scaled(card.fp8, 1e12),
        fp4_flops_per_s=_scaled(card.fp4, 1e12),
        link_bytes_per_s=_scaled(card.link, 1e9),
        network_bytes_per_s=_scaled(card.network, 1e9),
        rent_usd_h=card.rent,
        rent_date=None if card.rent is None else "2026-02",
        assumptions=(
            f"large products reach {_GEMM_SHARE:.0%} of the {card.name}'s peak, and each operation takes the host 8 µs",
        ),
    )


CATALOGUE: Mapping[str, Device] = MappingProxyType({card.name: _device(card) for card in _CARDS})


def find(name: str) -> Device:
    """The device of that name; spelling, case and "NVIDIA" do not matter. Raises RecipeError with the nearest name.

    A name that fits several (H100) takes the first of the table.
    """
    wanted = _plain(name)
    plain = {_plain(known): known for known in CATALOGUE}
    if wanted in plain:
        return CATALOGUE[plain[wanted]]
    starts = [known for key, known in plain.items() if wanted and key.startswith(wanted)]
    if starts:
        return CATALOGUE[starts[0]]
    near = difflib.get_close_matches(wanted, plain, n=1, cutoff=0)
    raise RecipeError(
        f"hardware {name!r} is neither this machine nor in the catalogue; the nearest name is {plain[near[0]]!r}. "
        "Use it, or hardware: auto for this machine."
    )


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", re.sub(r"nvidia|amd|geforce|tesla", "", name.lower()))
