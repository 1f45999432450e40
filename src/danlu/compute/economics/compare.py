"""Alternatives side by side: who leads in what, and where the software is not evidenced.

Rates of data sheets say what a device could do; published measurements say what its software makes of it (large
products reach 50 to 90% of the peak). A device without such a measurement is compared with a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from danlu.compute.catalogue import Device

Figure = Callable[[Device], float | None]
LEADS_BY = 1.05  # less is a tie
_LESS_IS_BETTER = frozenset({"price_usd", "rent_usd_h", "step_time_s", "tpot_s", "ttft_s", "watts"})
FACTS: Mapping[str, Figure] = MappingProxyType(
    {
        "memory_bytes": lambda d: d.memory_bytes,
        "memory_bytes_per_s": lambda d: d.memory_bytes_per_s,
        "bf16_flops_per_s": lambda d: d.peaks.get("bf16"),
        "fp8_flops_per_s": lambda d: d.peaks.get("fp8"),
        "link_bytes_per_s": lambda d: d.link_bytes_per_s,
        "link_domain": lambda d: float(d.link_domain),
        "network_bytes_per_s": lambda d: d.network_bytes_per_s,
        "watts": lambda d: d.watts,
        "price_usd": lambda d: d.price.buy_usd,
        "rent_usd_h": lambda d: d.price.rent_usd_h,
    }
)


@dataclass(frozen=True, slots=True)
class Row:
    """A device with its figures (None: nobody told), the columns that it leads alone, and what is to be doubted."""

    device: Device
    figures: Mapping[str, float | None]
    leads: tuple[str, ...]
    warning: str


def compare(
    devices: Iterable[Device],
    predicted: Mapping[str, Figure] | None = None,
    *,
    prices_usd: Mapping[str, float] | None = None,
) -> tuple[Row, ...]:
    """Each device with every fact and prediction, in the order given.

    predicted: columns that the caller computes for a device, such as `step_time_s` or `tpot_s`; None where it cannot.
    prices_usd: of one device by name, in place of the catalogue's; with a price there is a column for each dollar.
    """
    told, columns = prices_usd or {}, {**FACTS, **(predicted or {})}
    found = []
    for device in devices:
        figures = {name: figure(device) for name, figure in columns.items()}
        figures["price_usd"] = told.get(device.name, figures["price_usd"])
        found.append((device, figures | per_dollar(device, figures["price_usd"])))
    leaders = {
        name: _leader(name, [figures.get(name) for _, figures in found]) for name in (found[0][1] if found else ())
    }
    return tuple(
        Row(
            device,
            MappingProxyType(figures),
            tuple(name for name, at in leaders.items() if at == place),
            warning(device),
        )
        for place, (device, figures) in enumerate(found)
    )


def per_dollar(device: Device, price_usd: float | None) -> dict[str, float | None]:
    """What a dollar buys: FLOP/s in bf16, bytes, bytes/s of memory and of links."""
    facts = {
        "bf16_flops_per_s_per_usd": device.peaks.get("bf16"),
        "memory_bytes_per_usd": device.memory_bytes,
        "memory_bytes_per_s_per_usd": device.memory_bytes_per_s,
        "link_bytes_per_s_per_usd": device.link_bytes_per_s,
    }
    return {name: value / price_usd if value and price_usd else None for name, value in facts.items()}


def warning(device: Device) -> str:
    """What is not known of its software; empty where a large product was measured."""
    if device.evidence == "announced":
        return f"{device.name} is announced only: nobody outside measured it."
    if not device.reach or device.evidence == "assumed":
        return f"no published measurement says what share of its peak {device.name}'s software reaches; 70% is assumed."
    return ""


def _leader(name: str, values: list[float | None]) -> int | None:
    """Place of the clear leader of a column."""
    known = sorted(((value, at) for at, value in enumerate(values) if value), reverse=name not in _LESS_IS_BETTER)
    if len(known) < 2:
        return None
    (first, at), (second, _) = known[:2]
    return at if max(first, second) >= LEADS_BY * min(first, second) else None
