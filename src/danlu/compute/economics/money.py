"""Rent against own: what a device's hour costs either way, and when owning pays.

Sources: Bernstein 2025 (of a GB200 site's capital GPUs are 39%, network 13%, CPUs 3%, storage 1 to 1.5%, building and
power a third); wholesale colocation of 2026: 110 to 300 USD/kW a month; EIA: US industry paid 0.081 USD/kWh in 2023.
The rest is labelled an assumption: prices move faster than any table, so that each is an input.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from danlu.compute.catalogue import Cluster
from danlu.compute.economics.assumption import assumed, checked
from danlu.compute.economics.power import YEAR_H, Site, power
from danlu.compute.words import money
from danlu.errors import RecipeError

_LONGEST = 10.0  # years that a break-even is searched in


@dataclass(frozen=True, slots=True)
class Prices:
    """USD. device_usd, rent_usd_h: 0 takes the catalogue's. Shares are of the device's price."""

    device_usd: float = assumed(0, "USD", "price of one device; 0: the catalogue's", "catalogue")
    server_share: float = assumed(
        0.15, "share", "the rest of the server, of the device's price", "Bernstein: CPUs and boards"
    )
    network_share: float = assumed(
        0.33, "share", "adapters, switches, optics, of the device's price", "Bernstein: 13 to 39"
    )
    storage_share: float = assumed(0.04, "share", "storage, of the device's price", "Bernstein: 1.5 to 39")
    years: float = assumed(3, "years", "that an owned device is used", "assumption", least=0.1, most=_LONGEST)
    utilisation: float = assumed(
        0.8,
        "share",
        "of an owned device's hours with work",
        "assumption; arXiv 2410.21680: above 0.8",
        least=0.01,
        most=1.0,
    )
    residual: float = assumed(0.7, "share", "of its value that hardware keeps each year", "assumption", most=1.0)
    interest: float = assumed(0.08, "share", "a year on the capital that is bound", "assumption", most=1.0)
    upkeep: float = assumed(0.03, "share", "of the capital a year, for repairs and spare parts", "assumption")
    electricity_usd_kwh: float = assumed(0.08, "USD/kWh", "electricity", "EIA: US industry 2023")
    colocation_usd_kw_month: float = assumed(
        140, "USD/kW a month", "room, cooling plant and guard, without electricity", "wholesale rates 2026"
    )
    staff_usd: float = assumed(400, "USD a year", "operators, for each device", "assumption: one for 500 devices")
    rent_usd_h: float = assumed(0, "USD/h", "rent of one device; 0: the catalogue's", "catalogue, one-year price")
    rent_utilisation: float = assumed(
        1.0, "share", "of the rented hours with work", "assumption: given back when done", least=0.01, most=1.0
    )
    margin: float = assumed(0.2, "share", "of a cloud's price that is its margin", "the talk", most=0.99)

    def __post_init__(self) -> None:
        checked(self)


@dataclass(frozen=True, slots=True)
class Owned:
    """What owning costs over `years`, item by item, USD for all devices. worked_h: device-hours with work."""

    years: float
    items: Mapping[str, float]
    worked_h: float

    @property
    def usd(self) -> float:
        """All of it, less what the hardware is still worth."""
        return sum(self.items.values())

    @property
    def usd_per_device_h(self) -> float:
        """For an hour with work."""
        return self.usd / self.worked_h

    @property
    def device_share(self) -> float:
        """Of what is spent (before hardware is sold on), the part that buys the devices."""
        return self.items["devices"] / sum(usd for usd in self.items.values() if usd > 0)


def own(cluster: Cluster, prices: Prices, site: Site | None = None) -> Owned:
    """Buying and running the devices for prices.years. Raises RecipeError where nobody knows the device's price."""
    number, years = cluster.num_devices, prices.years
    price = prices.device_usd or cluster.device.price.buy_usd
    if not price:
        raise RecipeError(
            f"nobody told the price of a {cluster.device.name}; give device_usd=…, in USD for one device."
        )
    devices = number * price
    capital = devices * (1 + prices.server_share + prices.network_share + prices.storage_share)
    worth = capital * prices.residual**years
    used = power(cluster, years * YEAR_H * 3600, site, busy=prices.utilisation)
    contracted_kw = used.peak_w / (site or Site()).pue / 1e3
    items = {
        "devices": devices,
        "server": devices * prices.server_share,
        "network": devices * prices.network_share,
        "storage": devices * prices.storage_share,
        "interest": prices.interest * years * (capital + worth) / 2,
        "upkeep": prices.upkeep * years * capital,
        "electricity": used.energy_mwh * 1e3 * prices.electricity_usd_kwh,
        "colocation": contracted_kw * prices.colocation_usd_kw_month * 12 * years,
        "staff": prices.staff_usd * number * years,
        "residual": -worth,
    }
    return Owned(years, MappingProxyType(items), number * years * YEAR_H * prices.utilisation)


def rent_usd_h(cluster: Cluster, prices: Prices) -> float:
    """USD for a device-hour with work, rented. Raises RecipeError where nobody knows the rent."""
    rent = prices.rent_usd_h or cluster.device.price.rent_usd_h
    if not rent:
        raise RecipeError(f"nobody told the rent of a {cluster.device.name}; give rent_usd_h=…, in USD for one device.")
    return rent / prices.rent_utilisation


def cost_behind(rent_usd_h: float, margin: float) -> float:
    """What a device-hour costs the cloud that sells it with this margin on its price."""
    return rent_usd_h * (1 - margin)


@dataclass(frozen=True, slots=True)
class Choice:
    """Rent against own for one use. utilisation, hours, years: from which on owning is cheaper, None for never.

    hours: with work, of one device, over prices.years. years: at prices.utilisation.
    """

    rent_usd_h: float
    owned: Owned
    utilisation: float | None
    hours: float | None
    years: float | None

    @property
    def words(self) -> str:
        """The answer in a sentence."""
        own_h = self.owned.usd_per_device_h
        said = f"{money(self.rent_usd_h)} a device-hour rented, {money(own_h)} owned over {self.owned.years:g} years"
        if self.utilisation is None:
            return f"{said}: rent; no utilisation makes owning pay."
        advice = "own" if own_h < self.rent_usd_h else "rent"
        return f"{said}: {advice}; owning pays from {self.utilisation:.0%} of the hours ({self.hours:,.0f} h a device)."


def rent_or_own(cluster: Cluster, prices: Prices | None = None, site: Site | None = None) -> Choice:
    """Both ways, and where they meet. Raises RecipeError where a price is unknown."""
    known = prices or Prices()
    rent = rent_usd_h(cluster, known)

    def dearer(**changed: float) -> float:
        now = replace(known, **changed)
        return own(cluster, now, site).usd_per_device_h - rent

    share = _crossing(lambda u: dearer(utilisation=u), 0.01, 1.0)
    return Choice(
        rent_usd_h=rent,
        owned=own(cluster, known, site),
        utilisation=share,
        hours=None if share is None else share * known.years * YEAR_H,
        years=_crossing(lambda y: dearer(years=y), 0.1, _LONGEST),
    )


def over_years(
    cluster: Cluster, prices: Prices | None = None, site: Site | None = None
) -> tuple[tuple[float, float], ...]:
    """Years from 1 to 5, each with the USD of an owned device-hour."""
    known = prices or Prices()
    return tuple((y, own(cluster, replace(known, years=y), site).usd_per_device_h) for y in (1.0, 2.0, 3.0, 4.0, 5.0))


def _crossing(dearer: Callable[[float], float], low: float, high: float) -> float | None:
    """The least input from which a falling function is at or below zero, by bisection; None where it never is."""
    if dearer(high) > 0:
        return None
    if dearer(low) <= 0:
        return low
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if dearer(middle) > 0 else (low, middle)
    return high
