"""What surrounds a run, in one account: faults, power, money; every assumption by its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import isfinite
from types import MappingProxyType
from typing import Any

from danlu.compute.catalogue import Cluster
from danlu.compute.economics.assumption import Assumption, assumptions, told
from danlu.compute.economics.faults import Faults, Reliability, faults
from danlu.compute.economics.money import Choice, Prices, over_years, rent_or_own, rent_usd_h
from danlu.compute.economics.power import Power, Site, power
from danlu.compute.economics.waiting import Decay
from danlu.errors import RecipeError


@dataclass(frozen=True, slots=True)
class Economy:
    """All that is assumed of faults, site, prices and decay."""

    reliability: Reliability = field(default_factory=Reliability)
    site: Site = field(default_factory=Site)
    prices: Prices = field(default_factory=Prices)
    decay: Decay = field(default_factory=Decay)

    @classmethod
    def of(cls, values: Mapping[str, float]) -> Economy:
        """With what a user told, by name (`KEYS`). Raises RecipeError for a value out of its bounds."""
        return cls(told(Reliability, values), told(Site, values), told(Prices, values), told(Decay, values))

    @property
    def assumptions(self) -> tuple[Assumption, ...]:
        """Each with its value, unit and source."""
        return tuple(a for part in (self.reliability, self.site, self.prices, self.decay) for a in assumptions(part))


KEYS: Mapping[str, Assumption] = MappingProxyType({each.name: each for each in Economy().assumptions})


@dataclass(frozen=True, slots=True)
class Account:
    """Of one run. rent_usd, own_usd: None where nobody told a price; own_usd is the run's share of owned hours."""

    faults: Faults
    power: Power
    device_hours: float
    rent_usd: float | None
    own_usd: float | None
    choice: Choice | None
    years: tuple[tuple[float, float], ...]
    economy: Economy

    @property
    def words(self) -> tuple[str, ...]:
        """A sentence on each."""
        return (self.faults.words, self.power.words, *((self.choice.words,) if self.choice else ()))

    def to_json(self) -> dict[str, Any]:
        """Seconds, bytes, watts, MWh, USD; every assumption with its unit and source."""
        owned = self.choice.owned if self.choice else None
        return {
            "words": list(self.words),
            "faults": asdict(self.faults),
            "power": asdict(self.power),
            "device_hours": self.device_hours,
            "rent_usd": self.rent_usd,
            "own_usd": self.own_usd,
            "owned": owned
            and {
                "items_usd": dict(owned.items),
                "usd": owned.usd,
                "usd_per_device_h": owned.usd_per_device_h,
                "device_share": owned.device_share,
            },
            "break_even": self.choice
            and {"utilisation": self.choice.utilisation, "hours": self.choice.hours, "years": self.choice.years},
            "usd_per_device_h_by_years": [list(pair) for pair in self.years],
            "assumptions": [_bounded(asdict(each)) for each in self.economy.assumptions],
        }


def _bounded(assumption: dict[str, Any]) -> dict[str, Any]:
    """JSON has no infinity: what has no upper bound says null."""
    return {**assumption, "most": assumption["most"] if isfinite(assumption["most"]) else None}


def account(cluster: Cluster, solve_s: float, checkpoint_bytes: float, economy: Economy | None = None) -> Account:
    """A run that takes solve_s without faults and saves checkpoint_bytes each time."""
    known = economy or Economy()
    lost = faults(solve_s, cluster.num_devices, checkpoint_bytes, known.reliability)
    hours = cluster.num_devices * lost.wall_s / 3600
    try:
        rent = rent_usd_h(cluster, known.prices)
    except RecipeError:
        rent = None
    choice = None
    if (known.prices.device_usd or cluster.device.price.buy_usd) and rent is not None:
        choice = rent_or_own(cluster, known.prices, known.site)
    return Account(
        faults=lost,
        power=power(cluster, lost.wall_s, known.site, busy=lost.goodput),
        device_hours=hours,
        rent_usd=None if rent is None else hours * rent,
        own_usd=None if choice is None else hours * choice.owned.usd_per_device_h,
        choice=choice,
        years=over_years(cluster, known.prices, known.site) if choice else (),
        economy=known,
    )
