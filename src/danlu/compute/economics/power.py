"""Watts and energy: device, node, rack, hall, and what a cap on the watts costs in clock.

Sources: DGX H100 user guide (10.2 kW for eight devices of 700 W); Newkirk et al. 2025, arXiv 2506.14551 (heavy training
draws 76% of that rating), and Latif et al. 2024, arXiv 2412.08602 (8.4 kW at most); GB200 NVL72: about 120 kW a rack of
72; Uptime Institute's survey of 2024 (PUE 1.56 on average; the largest sites 1.1); Ember, US electricity 2024
(384 g CO2/kWh). Dynamic power goes with f·V², and V with f near the limit: cubic, beside a static share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from danlu.compute.catalogue import Cluster, Device
from danlu.compute.economics.assumption import assumed, checked

Cooling = Literal["air", "water"]
YEAR_H = 8766.0


@dataclass(frozen=True, slots=True)
class Site:
    """Where devices stand. node_factor: 0 takes the kind of node (`node_factor`)."""

    node_factor: float = assumed(
        0, "W/W", "watts of a node for each watt of its devices; 0: by the kind of node", "DGX H100: 10.2 kW for 5.6"
    )
    drawn: float = assumed(0.76, "share", "of the rated watts that heavy training draws", "arXiv 2506.14551", most=1.0)
    idle: float = assumed(0.2, "share", "of the rated watts that an idle node draws", "assumption", most=1.0)
    fabric: float = assumed(
        0.10,
        "share",
        "of the nodes' watts that network and storage take on top",
        "assumption: published clusters 5-15%",
    )
    pue: float = assumed(
        1.3,
        "W/W",
        "watts of the site for each watt of its computers",
        "surveys: 1.1 largest sites, 1.56 mean",
        least=1.0,
    )
    rack_kw: float = assumed(40, "kW", "that one rack may take", "assumption: dense air-cooled hall", least=0.1)
    air_limit_kw: float = assumed(40, "kW", "of a rack that air can cool", "published limits: 25 to 50")
    static: float = assumed(
        1 / 6, "share", "of a device's watts that its clock does not change", "slope 2.5 at the limit", most=0.95
    )
    grid_kg_kwh: float = assumed(0.384, "kg/kWh", "CO2 of the grid", "Ember: USA 2024")

    def __post_init__(self) -> None:
        checked(self)


def node_factor(device: Device) -> float:
    """Rated watts of a node for each rated watt of its devices: rack-scale, server, workstation, bare CPU."""
    if device.kind == "cpu":
        return 1.2
    if device.link_domain > device.devices_per_node:
        return 1.4  # 120 kW / (72 x 1.2 kW); no fans
    return 10.2 / 5.6 if device.link_domain > 1 else 1.5


def clock_share(cap_watts: float, device: Device, site: Site | None = None) -> float:
    """Share of its clock that a device keeps under a cap on its watts: P = static + dynamic·f³; 1 without effect.

    What arithmetic bounds slows as much; what memory or a network bounds does not. Published for whole workloads, so
    that these are gentler: LLaMA inference 7% slower at 70% of the watts (Samsi et al. 2023, arXiv 2310.03003).
    """
    static = (site or Site()).static
    share = min(1.0, cap_watts / device.watts)
    return float(max((share - static) / (1 - static), 0.001) ** (1 / 3))


@dataclass(frozen=True, slots=True)
class Power:
    """Watts and energy of a run. peak_w: rated, of the site; mean_w: drawn while it runs; MWh and t CO2 of the run.

    rack_w: of a full rack; racks: how many; cooling: what such a rack needs. clock: share that a cap leaves.
    """

    device_w: float
    node_w: float
    rack_w: float
    racks: int
    devices_per_rack: int
    cooling: Cooling
    peak_w: float
    mean_w: float
    energy_mwh: float
    co2_t: float
    clock: float

    @property
    def words(self) -> str:
        """A sentence."""
        small, energy_kwh = self.peak_w < 1e5, 1e3 * self.energy_mwh
        peak = f"{self.peak_w / 1e3:,.3g} kW" if small else f"{self.peak_w / 1e6:,.3g} MW"
        energy = f"{energy_kwh:,.3g} kWh" if energy_kwh < 1e3 else f"{self.energy_mwh:,.4g} MWh"
        if self.racks == 1:
            return f"{energy}, {peak} at peak."
        racks = f"{self.racks:,} racks of up to {self.rack_w / 1e3:.3g} kW, cooled by {self.cooling}"
        return f"{energy}, {peak} at peak; {racks}."


def power(cluster: Cluster, seconds: float, site: Site | None = None, *, busy: float = 1.0) -> Power:
    """Of `seconds` of wall time, of which the share `busy` works (goodput) and the rest idles."""
    known, device = site or Site(), cluster.device
    watts = min(device.watts, cluster.power_cap_watts or device.watts)
    # A cap takes from the devices alone: the rest of the node stays as it was.
    rest = ((known.node_factor or node_factor(device)) - 1) * device.watts
    each = watts + rest
    node = each * min(cluster.devices_per_node, cluster.num_devices)
    per_rack = _devices_per_rack(cluster, each, known)
    rack = each * min(per_rack, cluster.num_devices)
    whole = each * cluster.num_devices * (1 + known.fabric * (cluster.num_nodes > 1))
    mean = whole * known.pue * (busy * known.drawn + (1 - busy) * min(known.idle, known.drawn))
    energy = mean * seconds / 3.6e9
    return Power(
        device_w=watts,
        node_w=node,
        rack_w=rack,
        racks=-(-cluster.num_devices // per_rack),
        devices_per_rack=per_rack,
        cooling="water" if rack > 1e3 * known.air_limit_kw else "air",
        peak_w=whole * known.pue,
        mean_w=mean,
        energy_mwh=energy,
        co2_t=energy * known.grid_kg_kwh,
        clock=clock_share(watts, device, known),
    )


def _devices_per_rack(cluster: Cluster, each_w: float, site: Site) -> int:
    """Whole nodes up to the rack's watts, at least one; a link domain that is a rack stays together."""
    if cluster.link_domain > cluster.devices_per_node:
        return cluster.link_domain
    nodes = int(1e3 * site.rack_kw // (each_w * cluster.devices_per_node))
    return max(1, nodes) * cluster.devices_per_node
