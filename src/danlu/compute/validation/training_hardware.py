"""The machines that a row of a training table means."""

from __future__ import annotations

import re
from dataclasses import replace

from danlu.compute.catalogue import CATALOGUE, Cluster, Device, find
from danlu.compute.validation.training_cells import Row, text_of, whole
from danlu.errors import RecipeError

_GUESSED_DEVICES = 256


def cluster(row: Row) -> tuple[Cluster | None, tuple[str, ...]]:
    """Devices, nodes and links as the cell tells them; what had to be guessed. None for hardware nobody knows."""
    cell = row.get("hardware") or ""
    count = whole(row.get("n_gpus"))
    if count is None:
        told = re.search(r"\bx\s*(\d+)\b|\b(\d+)\s*x\s*(?=[a-z])", cell.lower())
        count = int(told[1] or told[2]) if told else None
    if count is None:
        axes = [whole(row.get(axis)) for axis in ("DP", "TP", "PP", "CP")]
        known = [axis for axis in axes if axis is not None]
        count = None if axes[0] is None else _product(known)
    device = _device(cell)
    if device is None:
        return None, ()
    guesses = () if count is not None else ("number of devices",)
    return _told(Cluster.of(device, count or _GUESSED_DEVICES), cell), guesses


def _product(factors: list[int]) -> int:
    result = 1
    for factor in factors:
        result *= factor
    return result


def _device(cell: str) -> Device | None:
    for text in (cell, re.split(r"[,(]", cell)[0], re.sub(r"(?i)dgx|hgx|nvidia|x\s*\d+$|\d+\s*x", "", cell)):
        try:
            return find(text.strip())
        except RecipeError:
            continue
    plain = re.sub(r"[^a-z0-9]", "", cell.lower())
    aliases = {"a100": "A100 SXM 80GB", "a800": "A100 SXM 80GB", "h100": "H100 SXM", "h800": "H100 SXM"}
    if "a100" in plain and "40gb" in plain:
        return CATALOGUE["A100 SXM 40GB"]
    for key, name in {"gb300": "GB300", "gb200": "GB200", "b300": "B300 SXM", "b200": "B200 SXM", **aliases}.items():
        if key in plain:
            return CATALOGUE[name]
    return None


def _told(machines: Cluster, cell: str) -> Cluster:
    """What the cell says of links, adapters and power: "4x100Gb RoCE per node", "400Gb/s", "500W limit", "2.4TB/s"."""
    text = cell.lower()
    device = machines.device
    adapters = re.search(r"(\d+)\s*x\s*(?:opa\s*)?(\d{2,4})\s*g?b?(?:it|ps|/s)?", text.replace("opa100", "opa 100gb"))
    rail = re.search(r"(\d{2,4})\s*gb(?:ps|/s|it/s)?\s*(?:roce|ib|infiniband|ethernet)", text)
    network = machines.network_bytes_per_s
    if adapters and ("node" in text or "opa" in text):
        network = int(adapters[1]) * int(adapters[2]) / 8 * 1e9 / machines.devices_per_node
    elif rail:
        network = int(rail[1]) / 8 * 1e9
    watts = re.search(r"(\d{3,4})\s*w\b", text)
    cap = float(watts[1]) if watts and float(watts[1]) < 0.95 * device.watts else None
    memory = re.search(r"(\d+(?:\.\d+)?)\s*tb/s", text)
    if memory:
        device = replace(device, memory_bytes_per_s=float(memory[1]) * 1e12)
    return replace(machines, device=device, network_bytes_per_s=network, power_cap_watts=cap)


def interconnect(row: Row) -> str:
    """Words on the network that stand beside the hardware's name (a heading, a note)."""
    return text_of(row, "url_or_path", "notes")
