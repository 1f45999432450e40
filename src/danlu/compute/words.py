"""Figures as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def gigabytes(value: float) -> str:
    """In units of 10^9 bytes, as vendors count."""
    return f"{value / 1e9:.2f} GB" if value < 1e10 else f"{value / 1e9:.0f} GB"


def duration(seconds: float) -> str:
    """Milliseconds to years, to two figures or so."""
    if seconds < 0.1:
        return f"{seconds * 1e3:.1f} ms"
    for limit, unit, name in ((90, 1, "s"), (5400, 60, "min"), (172_800, 3600, "h"), (3e9, 86_400, "days")):
        if seconds < limit:
            value = seconds / unit
            return f"{value:.0f} {name}" if value >= 10 and name != "days" else f"{value:,.1f} {name}"
    return f"{seconds / 31_557_600:,.0f} years"


def interval(low: float, high: float) -> str:
    """Two durations; the unit once where both have it."""
    first, last = duration(low), duration(high)
    unit = last.rpartition(" ")[2]
    return f"{first.removesuffix(' ' + unit)} to {last}"


def money(usd: float) -> str:
    """US dollars; small sums in full, large ones in thousands and millions."""
    for limit, unit, name in ((1e9, 1e9, "billion "), (1e6, 1e6, "M "), (1e5, 1e3, "k ")):
        if abs(usd) >= limit:
            return f"{usd / unit:,.3g} {name}USD"
    return f"{usd:,.2f} USD" if usd >= 0.1 else f"{usd:.2g} USD" if usd >= 0.01 else "under 0.01 USD"


def many(number: float) -> str:
    """A large count to three figures: 70.6B, 2.00T."""
    for limit, unit, name in ((1e12, 1e12, "T"), (1e9, 1e9, "B"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if abs(number) >= limit:
            return f"{number / unit:.3g}{name}"
    return f"{number:,.4g}" if number < 1000 else f"{number:,.0f}"


def between(estimate: Mapping[str, Any], unit: float = 1.0) -> str:
    """The 80% interval of an estimate in JSON."""
    return f"{estimate['low'] / unit:.3g} to {estimate['high'] / unit:.3g}"
