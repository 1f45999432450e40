"""This kind of machine without a card: a CPU by its instruction set, cores and clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from danlu.compute.catalogue.device import Device

Isa = Literal["amx_bf16", "avx512_bf16", "avx512", "neon_bf16", "avx2", "neon", "sse2"]
ISAS: tuple[Isa, ...] = get_args(Isa)  # the widest first


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
        vendor="",
        year=None,
        peaks={"bf16": working * clock * rates.bf16, "fp32": working * clock * rates.fp32},
        reach={"bf16": _CPU_SHAPE_SHARE, "fp32": _CPU_SHAPE_SHARE},
        memory_bytes=memory_bytes,
        memory_bytes_per_s=bandwidth,
        watts=watts,
        attention_reach=18 / rates.bf16,
        op_s=6e-6,
        source=f"this machine: {cores} cores, {isa}, {clock_hz / 1e9:.1f} GHz nominal",
        assumptions=(
            f"the CPU holds {clock / 1e9:.1f} GHz and reaches {rates.bf16:g} bf16 FLOP per cycle and core ({isa})",
            f"its memory gives {bandwidth / 1e9:.0f} GB/s",
            f"it takes {watts:.0f} W while it works (8 W a core and 10 W for the rest)",
        ),
    )
