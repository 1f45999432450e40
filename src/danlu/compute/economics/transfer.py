"""Distance and links: light in glass, collectives over a network, and what a faster one is worth.

Sources: group index 1.468 of single-mode fibre (ITU-T G.652); ring all-reduce: Patarasuk and Yuan 2009, JPDC 69(2).
"""

from __future__ import annotations

LIGHT_M_PER_S = 299_792_458.0
GROUP_INDEX = 1.468


def fibre_delay_s(metres: float, index: float = GROUP_INDEX) -> float:
    """One way through so much fibre: 4.9 ns a metre."""
    return metres * index / LIGHT_M_PER_S


def all_reduce_s(num_bytes: float, num_devices: int, bytes_per_s: float, metres: float = 0.0) -> float:
    """A ring over devices that each send bytes_per_s: 2·(n-1)/n of the bytes, and 2·(n-1) hops of so many metres."""
    steps = 2 * (num_devices - 1)
    return steps * (num_bytes / num_devices / bytes_per_s + fibre_delay_s(metres))


def step_s(compute_s: float, transfer_s: float, hidden: float) -> float:
    """A step whose transfers may hide behind this share of its arithmetic."""
    return compute_s + max(0.0, transfer_s - hidden * compute_s)
