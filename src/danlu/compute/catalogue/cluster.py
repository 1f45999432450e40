"""Many devices: how they stand in nodes, how they are joined, and what power they may take."""

from __future__ import annotations

from dataclasses import dataclass

from danlu.compute.catalogue.device import Device


@dataclass(frozen=True, slots=True)
class Cluster:
    """`num_devices` of one kind.

    devices_per_node, link_domain, network_bytes_per_s (one way, each device's share of its node's adapters): the
    device's own figures unless told. power_cap_watts: a limit on each device, below its design power.
    """

    device: Device
    num_devices: int = 1
    devices_per_node: int = 8
    link_domain: int = 8
    network_bytes_per_s: float | None = None
    power_cap_watts: float | None = None

    @classmethod
    def of(cls, device: Device, num_devices: int = 1) -> Cluster:
        """As the device is usually sold."""
        return cls(device, num_devices, device.devices_per_node, device.link_domain, device.network_bytes_per_s)

    @property
    def num_nodes(self) -> int:
        """Servers, the last perhaps not full."""
        return -(-self.num_devices // self.devices_per_node)
