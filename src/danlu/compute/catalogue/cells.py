"""Machines as people write them in tables: "8xH100", "DGX-GB200", "A100-SXM4-80GB, 4x100Gb RoCE per node".

Read are the device, its number, its memory and bandwidth where they are not the usual ones, devices and adapters of a
node, and a power limit.
"""

from __future__ import annotations

import re
from dataclasses import replace

from danlu.compute.catalogue.apple import with_cores
from danlu.compute.catalogue.cluster import Cluster
from danlu.compute.catalogue.device import Device
from danlu.compute.catalogue.names import Mention, mention

_FIRST = re.compile(r"^\W*(\d{1,6})\s+(?:nvidia\s+|amd\s+|rtx\s+|geforce\s+)*$")
_BEFORE_TIMES = re.compile(r"(-?\d[\d,]*)\s*[x×*]\s*(?:[a-z]+[\s-]+){0,3}$")
_AFTER_TIMES = re.compile(
    r"^[^,;(]{0,24}?\s[x×*]\s*(-?\d[\d,]*)\b|"
    r"^[^,;(]{0,24}?\(?\s*(\d+)\s*(?:gpus|cards|chips|devices)(?!\s*(?:/|per|a node))"
)
_SLICE = re.compile(r"(?:(\d+)\s*x\s*)?\b(v[2-7][a-z]*)-(\d+)\b")
_CORES_PER_CHIP = {"v2": 2, "v3": 2, "v4": 2, "v5p": 2}  # of a slice's name; later ones count chips
_MEMORY = re.compile(r"(?<![\d.])(\d{1,4})\s*(?:GB|GiB|gb|G\b)(?![A-Za-z/])(?!\s*(?i:roce|ib|infini|ether|link))")
_BANDWIDTH = re.compile(r"(\d+(?:\.\d+)?)\s*[tT]B/s")  # Tb/s are bits, of a network
_WATTS = re.compile(r"(\d{2,4})\s*w\b")
_ADAPTERS = re.compile(r"(\d+)\s*x\s*(opa|hdr|ndr|edr|xdr|cx-?\d)?\s*-?(\d{2,4})?\s*g?b?(?:it|ps|/s)?")
_RAIL = re.compile(
    r"(\d{1,4}(?:\.\d+)?)\s*(g|t)b?(?:it/?s|ps|/s|b/s|e)?\s*(?:roce|ib\b|infiniband|ethernet|efa|rdma|per (?:gpu|node))"
)
_GENERATIONS = {"edr": 100, "opa": 100, "hdr": 200, "ndr": 400, "xdr": 800}  # Gb/s of an adapter
_PER_NODE = re.compile(r"(\d+)\s*(?:gpus?|cards?|devices?|chips?)?\s*(?:/|per |a )\s*node")


def cluster_of(cell: str, num_devices: int | None = None) -> Cluster | None:
    """The machines of a cell; `num_devices` goes before a number in the cell, and one is taken where neither is told.

    None where no known device is named.
    """
    found = mention(cell)
    if found is None:
        return None
    count = num_devices if num_devices is not None else _count(cell.lower(), found)
    return _told(Cluster.of(_changed(found.device, cell), count or 1), cell.lower())


def num_devices_in(cell: str) -> int | None:
    """The number that stands with the device's name ("8xH100", "H100 x8", "2x v4-128": 128 chips), None without one."""
    found = mention(cell)
    return None if found is None else _count(cell.lower(), found)


def _count(text: str, found: Mention) -> int | None:
    part = _SLICE.search(text)
    if part and found.device.name.startswith("TPU"):
        return int(part[1] or 1) * int(part[3]) // _CORES_PER_CHIP.get(part[2], 1)
    before = _BEFORE_TIMES.search(text[: found.start])
    before = before or _FIRST.search(text[: found.start])
    if before:
        return int(before[1].replace(",", ""))
    after = _AFTER_TIMES.search(text[found.end :])
    return int((after[1] or after[2]).replace(",", "")) if after else None


def _changed(device: Device, text: str) -> Device:
    """With the cell's own memory, bandwidth and graphics cores where they are not the usual ones."""
    lower = text.lower()
    if device.vendor == "Apple":
        cores = re.search(r"(\d+)[- ](?:gpu[- ]?)?cores?\b", lower)
        if cores and "gpu" in lower:
            device = with_cores(device, int(cores[1]))
        if re.search(r"\[cpu\]|cpu[- ]only", lower):
            device = _host(device)
    memory = _MEMORY.search(text)
    told = float(memory[1]) * 1e9 if memory else device.memory_bytes
    beside = (
        told > 2 * device.memory_bytes and device.kind != "cpu" and device.vendor != "Apple"
    )  # the host's: GH200 480GB
    if _differs(told, device.memory_bytes, 0.06) and not beside:
        device = replace(device, memory_bytes=told)
    bandwidth = _BANDWIDTH.search(text)
    if bandwidth and _differs(float(bandwidth[1]) * 1e12, device.memory_bytes_per_s, 0.02):
        device = replace(device, memory_bytes_per_s=float(bandwidth[1]) * 1e12)
    return device


def _host(chip: Device) -> Device:
    """An Apple chip's processor cores: a tenth of its graphics part's rate, three quarters of the bandwidth."""
    peaks = {precision: rate / 10 for precision, rate in chip.peaks.items()}
    return replace(
        chip, name=f"{chip.name} CPU", kind="cpu", peaks=peaks, memory_bytes_per_s=0.75 * chip.memory_bytes_per_s
    )


def _differs(told: float, usual: float, share: float) -> bool:
    return abs(told - usual) > share * usual


def _told(machines: Cluster, text: str) -> Cluster:
    """Devices of a node, each one's share of its adapters, a power limit."""
    device = machines.device
    told = _PER_NODE.search(text)
    per_node = int(told[1]) if told and 0 < int(told[1]) <= 72 else machines.devices_per_node
    domain = min(machines.link_domain, per_node) if machines.link_domain <= 8 else machines.link_domain
    watts = _WATTS.search(text)
    cap = float(watts[1]) if watts and float(watts[1]) < 0.95 * device.watts else None
    return replace(
        machines,
        devices_per_node=per_node,
        link_domain=domain,
        network_bytes_per_s=_network(text, per_node) or machines.network_bytes_per_s,
        power_cap_watts=cap,
    )


def _network(text: str, per_node: int) -> float | None:
    """Bytes/s one way of each device: adapters of a node are shared, a rate without "node" is each device's."""
    for adapters in _ADAPTERS.finditer(text):
        rate = float(adapters[3] or _GENERATIONS.get(adapters[2] or "", 0))
        if rate >= 10 and (adapters[2] or re.search(r"roce|ib\b|infiniband|ethernet|nic|node|efa", text)):
            return int(adapters[1]) * rate * 1e9 / 8 / per_node
    rail = _RAIL.search(text)
    if rail:
        rate = float(rail[1]) * (1e12 if rail[2] == "t" else 1e9) / 8
        return rate / per_node if "node" in text[rail.start() :][:40] or rate > 100e9 else rate
    named = re.search(r"\b(edr|hdr|ndr|xdr)\b", text)
    return None if named is None else _GENERATIONS[named[1]] * 1e9 / 8
