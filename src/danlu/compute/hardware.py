"""Hardware as people write it: `512xH100`, `RTX 4090`, `8 x H100 SXM:memory=96,network=800Gb/s`, or a row of one's own.

A row of one's own: `MyChip:memory=96,bandwidth=2.4,bf16=400,watts=600`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from danlu.compute.catalogue import PRECISIONS, Cluster, Device, Precision, Price, find
from danlu.compute.quantities import amount, bytes_per_s, nearest, whole
from danlu.errors import RecipeError

_COUNTED = re.compile(r"(-?[0-9][0-9,_.]*[kK]?)\s*[x×*]\s*(.+)|(.+?)\s+[x×*]\s*(-?[0-9][0-9,_]*)", re.DOTALL)
_NEEDED = ("memory", "bandwidth", "bf16", "watts")  # of a device that no catalogue has

Change = Callable[[Device, str], Device]


def _peak(precision: Precision) -> Change:
    return lambda d, v: replace(d, peaks={**d.peaks, precision: amount(precision, v, least=1e-3) * 1e12})


_CHANGES: Mapping[str, Change] = {
    "memory": lambda d, v: replace(d, memory_bytes=amount("memory", v, least=1e-3) * 1e9),
    "bandwidth": lambda d, v: replace(d, memory_bytes_per_s=amount("bandwidth", v, least=1e-4) * 1e12),
    "link": lambda d, v: replace(d, link_bytes_per_s=bytes_per_s("link", v)),
    "domain": lambda d, v: replace(d, link_domain=whole("domain", v)),
    "network": lambda d, v: replace(d, network_bytes_per_s=bytes_per_s("network", v)),
    "per_node": lambda d, v: replace(d, devices_per_node=whole("per_node", v)),
    "watts": lambda d, v: replace(d, watts=amount("watts", v, least=1.0)),
    "rent": lambda d, v: replace(d, price=replace(d.price, rent_usd_h=amount("rent", v), rent_date="yours")),
    "buy": lambda d, v: replace(d, price=replace(d.price, buy_usd=amount("buy", v), buy_date="yours")),
    **{precision: _peak(precision) for precision in PRECISIONS},
}
KEYS = tuple(_CHANGES)


def parse(text: str) -> Cluster:
    """The devices of `--hardware`. Units of a row: GB, TB/s, TFLOP/s, W, USD; links in Gb/s (or GB/s if written).

    Raises RecipeError with the nearest valid value for what is not known.
    """
    named, _, row = text.partition(":")
    found = _COUNTED.fullmatch(named.strip())
    number = "1" if found is None else found[1] or found[4]
    name = named.strip() if found is None else (found[2] or found[3]).strip()
    num_devices = _number(text, number)
    device = _changed(name, row) if row.strip() else find(name)
    return Cluster.of(device, num_devices)


def _number(text: str, number: str) -> int:
    if number.startswith("-") or number.strip("0,._") == "":
        raise RecipeError(f"hardware {text!r} has {number} devices; the least is 1, as in '1x…'.")
    return whole("hardware", number)


def _changed(name: str, row: str) -> Device:
    changes = dict(_pair(part) for part in row.split(",") if part.strip())
    try:
        device = find(name)
        renamed = f"{device.name} ({row.strip()})"
    except RecipeError as error:
        missing = [key for key in _NEEDED if key not in changes]
        if missing:
            raise RecipeError(f"{error} For a device of your own, write also {', '.join(missing)}.") from error
        device, renamed = _unknown(name), name
    for key, value in changes.items():
        device = _CHANGES[key](device, value)
    reach = {p: share for p, share in device.reach.items() if p not in changes}  # of the catalogue's peak, not of yours
    said = f"{device.name}: {row.strip()}, as you wrote"
    return replace(device, name=renamed, reach=reach, evidence="assumed", assumptions=(*device.assumptions, said))


def _pair(part: str) -> tuple[str, str]:
    key, equals, value = (piece.strip() for piece in part.partition("="))
    if not equals or key not in _CHANGES:
        raise RecipeError(
            f"hardware: {part.strip()!r} is no fact of a device; the nearest is "
            f"{nearest(key, KEYS)}=… (all: {', '.join(KEYS)})."
        )
    return key, value


def _unknown(name: str) -> Device:
    """A device of which nothing is known yet: links and prices are absent, the host as quick as a usual one."""
    return Device(
        name=name,
        vendor="",
        kind="accelerator",
        year=None,
        peaks={"fp32": 1e12},
        reach={},
        attention_reach=0.35,
        op_s=8e-6,
        memory_bytes=1e9,
        memory_bytes_per_s=1e12,
        watts=500,
        source="written by you",
        price=Price(),
        evidence="assumed",
        assumptions=(f"the software of {name} is as good as usual: nothing published says so",),
    )
