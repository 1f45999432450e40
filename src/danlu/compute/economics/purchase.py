"""What money buys: arithmetic by generation, disks against a cloud, CPUs and network of one's own, a power plant.

Sources: list prices of large clouds (object storage 0.023 USD/GB a month, traffic out 0.05 to 0.09 USD/GB, a CPU thread
0.05 USD/h); disks of 2026: 15 to 30 USD/TB; BloombergNEF 2026: a combined-cycle plant cost 2,157 USD/kW in 2025;
Lazard LCOE+ v18, 2025: 48 to 109 USD/MWh from such a plant; EIA: heat rate of 6.4 MMBtu/MWh.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from danlu.compute.economics.assumption import assumed, checked
from danlu.compute.economics.power import YEAR_H

MONOPOLY, FAIR = 1.4, 1.0  # price of the next device with twice the arithmetic, in prices of the last one


def price_usd(old_usd: float, times_arithmetic: float, *, per_doubling: float = MONOPOLY) -> float:
    """Price of a device with so many times the arithmetic."""
    return float(old_usd * per_doubling ** math.log2(times_arithmetic))


def per_doubling(old_usd: float, new_usd: float, times_arithmetic: float) -> float:
    """What each doubling of arithmetic really cost between two devices."""
    return float((new_usd / old_usd) ** (1 / math.log2(times_arithmetic)))


@dataclass(frozen=True, slots=True)
class Disks:
    """Keeping data."""

    cloud_usd_gb_month: float = assumed(0.023, "USD/GB a month", "object storage", "list prices of large clouds")
    disk_usd_tb: float = assumed(20, "USD/TB", "a large disk", "2026: 15 to 30", least=0.01)
    chassis: float = assumed(
        1.5, "USD/USD", "disks with their servers, for each dollar of disks", "assumption", least=1.0
    )
    copies: float = assumed(
        1.3, "TB/TB", "raw capacity for each TB kept safe", "assumption: erasure code 10+3", least=1.0
    )

    def __post_init__(self) -> None:
        checked(self)

    @property
    def times_bare(self) -> float:
        """Capacity in bare disks that a year's cloud bill for 1 TB buys, in TB."""
        return 12e3 * self.cloud_usd_gb_month / self.disk_usd_tb

    @property
    def times_usable(self) -> float:
        """The same with servers and redundancy."""
        return self.times_bare / (self.chassis * self.copies)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """CPUs and network of one's own, against a cloud's."""

    cpu_server_usd: float = assumed(30_000, "USD", "a server of two processors with its memory", "assumption")
    cpu_threads: float = assumed(256, "threads", "of that server", "assumption: 2 x 64 cores", least=1)
    cpu_server_kw: float = assumed(1.0, "kW", "that it takes with its share of cooling", "assumption")
    cpu_years: float = assumed(3, "years", "that it is used", "assumption", least=0.1)
    cpu_busy: float = assumed(0.5, "share", "of its hours with work", "assumption", least=0.01, most=1.0)
    cloud_thread_usd_h: float = assumed(0.05, "USD/h", "one thread of a cloud", "list prices of large clouds")
    power_usd_kwh: float = assumed(0.27, "USD/kWh", "electricity with colocation", "0.08 and 140 USD/kW a month")
    cloud_usd_gb_out: float = assumed(0.05, "USD/GB", "traffic out of a cloud", "list prices: 0.05 to 0.09")
    port_usd_month: float = assumed(1_000, "USD a month", "a port of 10 Gb/s of one's own", "assumption")
    port_busy: float = assumed(0.3, "share", "of that port in use", "assumption", least=0.01, most=1.0)

    def __post_init__(self) -> None:
        checked(self)

    @property
    def own_thread_usd_h(self) -> float:
        """One thread of one's own for an hour with work."""
        hours = self.cpu_years * YEAR_H
        whole = self.cpu_server_usd + self.cpu_server_kw * self.power_usd_kwh * hours
        return whole / (self.cpu_threads * hours * self.cpu_busy)

    @property
    def own_usd_gb_out(self) -> float:
        """Traffic through one's own port."""
        return self.port_usd_month / (1.25 * self.port_busy * YEAR_H / 12 * 3600)

    def saved_usd(self, thread_hours: float, gigabytes_out: float) -> float:
        """By owning both, for so much work."""
        threads = thread_hours * (self.cloud_thread_usd_h - self.own_thread_usd_h)
        return threads + gigabytes_out * (self.cloud_usd_gb_out - self.own_usd_gb_out)


@dataclass(frozen=True, slots=True)
class Plant:
    """A gas power plant of one's own."""

    plant_usd_kw: float = assumed(2_157, "USD/kW", "to build a combined-cycle plant", "BloombergNEF: 2025")
    plant_years: float = assumed(20, "years", "that it runs", "assumption", least=1)
    plant_interest: float = assumed(0.08, "share", "a year on its capital", "assumption", most=1.0)
    plant_load: float = assumed(0.85, "share", "of its capacity in use", "assumption", least=0.01, most=1.0)
    heat_mmbtu_mwh: float = assumed(6.4, "MMBtu/MWh", "of gas burnt", "EIA")
    gas_usd_mmbtu: float = assumed(4.0, "USD/MMBtu", "gas", "assumption: US hub price")
    upkeep_usd_mwh: float = assumed(5.0, "USD/MWh", "operation and upkeep", "assumption")

    def __post_init__(self) -> None:
        checked(self)

    @property
    def usd_kwh(self) -> float:
        """Levelised cost: the annuity of the capital over the year's energy, fuel and upkeep."""
        i, n = self.plant_interest, self.plant_years
        annuity = i / (1 - (1 + i) ** -n) if i else 1 / n
        capital = self.plant_usd_kw * annuity / (YEAR_H * self.plant_load)
        return capital + (self.heat_mmbtu_mwh * self.gas_usd_mmbtu + self.upkeep_usd_mwh) / 1e3

    def capital_usd(self, peak_w: float) -> float:
        """To build it as large as the site's peak, without reserve."""
        return self.plant_usd_kw * peak_w / 1e3

    def saved_usd(self, energy_mwh: float, grid_usd_kwh: float) -> float:
        """Against the grid; below zero where the grid is cheaper."""
        return energy_mwh * 1e3 * (grid_usd_kwh - self.usd_kwh)
