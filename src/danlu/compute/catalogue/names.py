"""Devices by name, however it is spelt."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

from danlu.compute.catalogue.amd import AMD, AMD_SMALL
from danlu.compute.catalogue.apple import APPLE
from danlu.compute.catalogue.device import Device
from danlu.compute.catalogue.geforce import LAPTOPS, WORKSTATIONS
from danlu.compute.catalogue.hosts import HOSTS
from danlu.compute.catalogue.nvidia import FORMER, SERVERS, SMALL
from danlu.compute.catalogue.others import INFERENCE, OTHERS
from danlu.compute.catalogue.spellings import SPELLINGS
from danlu.errors import RecipeError


def _named(*groups: tuple[Device, ...]) -> Mapping[str, Device]:
    return MappingProxyType({device.name: device for group in groups for device in group})


CATALOGUE = _named(SERVERS, WORKSTATIONS, AMD, OTHERS)
"""What one may rent or buy to train on."""

EVERYTHING = MappingProxyType(
    {**CATALOGUE, **_named(LAPTOPS, AMD_SMALL, SMALL, APPLE, FORMER, INFERENCE, HOSTS)},
)
"""The same with laptops, chips that share their memory with a host, former cards, and processors without a card."""

_RIVALS = {
    True: "H100 SXM, H200 SXM, B200 SXM, B300 SXM, GB200, GB300, MI300X, MI355X, TPU v5p, TPU v7x, Gaudi 3, Trainium2, "
    "Ascend 910C",
    False: "RTX 3090, RTX 4090, RTX 5090, RTX PRO 6000, RTX 6000 Ada, L40S, A100 SXM 80GB, H100 SXM, RX 7900 XTX, "
    "Radeon AI Pro R9700, DGX Spark GB10, Apple M3 Ultra",
}

# What narrows a name down wherever it stands: "A100 80GB PCIe" and "A100-PCIe-80GB" are the same.
_QUALIFIERS = re.compile(r"pcie|nvl|laptop|mobile|server|max-?q|gcd|ada|\d+\s?gb(?!/s|ps|it|e)", re.IGNORECASE)
_TOKEN = re.compile(r"[a-z]+|\d+")
_SILENT = frozenset(
    "nvidia amd intel google apple aws huawei instinct geforce tesla radeon data center gpu sxm hgx edition".split()
)


_USUAL = {  # by GB, when nothing else is said
    8: "RTX 4060",
    12: "RTX 3060",
    16: "RTX 4060 Ti",
    24: "RTX 4090",
    32: "RTX 5090",
    40: "A100 SXM 40GB",
    48: "RTX A6000",
    80: "A100 SXM 80GB",
    96: "RTX PRO 6000",
    141: "H200 SXM",
    192: "MI300X",
}


class Mention(NamedTuple):
    """A device that a text names, and where in it."""

    device: Device
    start: int
    end: int


class _Key(NamedTuple):
    core: tuple[str, ...]
    qualifiers: frozenset[str]
    device: Device


def find(name: str) -> Device:
    """The device of that name; spelling, case and vendor do not matter. Raises RecipeError with the nearest name.

    A name that fits several (H100) is the commonest.
    """
    found = lookup(name)
    if found is not None:
        return found
    raise RecipeError(
        f"hardware {name!r} is neither this machine nor in the catalogue; the nearest name is {nearest(name)!r}. "
        "Use it, or hardware: auto for this machine."
    )


def nearest(name: str) -> str:
    """The device whose name is most alike; of two, the one with the same letters and digits in another order."""
    wanted = name.lower()

    def likeness(known: str) -> tuple[float, bool, bool]:
        ratio = difflib.SequenceMatcher(None, wanted, known.lower()).ratio()
        return ratio, sorted(wanted) == sorted(known.lower()), known in CATALOGUE

    return max(EVERYTHING, key=likeness)


def lookup(name: str) -> Device | None:
    """The same, None for what is not known."""
    found = mention(name)
    return None if found is None else found.device


def rivals(device: Device) -> tuple[Device, ...]:
    """What one would compare it with: of a server's device those of every vendor's servers, of a card other cards."""
    names = _RIVALS[device.link_domain > 1].split(", ")
    return tuple(EVERYTHING[name] for name in names if name != device.name)


@cache
def mention(text: str) -> Mention | None:
    """The device that a text names, with most words; of two such the first. Cards go before their hosts.

    "[CPU]" in the text means a host; "24 GB GPU" means the usual card of that size.
    """
    lower = re.sub(r"(?<=\d)x(?=[a-z])", "*", text.lower())  # 8xH100
    bare = _QUALIFIERS.sub(lambda match: " " * len(match[0]), lower)
    tokens = [(match[0], match.start(), match.end()) for match in _TOKEN.finditer(bare)]
    words = tuple(token for token, _, _ in tokens)
    qualifiers = _qualifiers(lower)
    host = re.search(r"\[cpu\]|\bcpu[- ]only\b", lower) is not None
    best: tuple[tuple[int, int, int], Mention] | None = None
    for key in _keys():
        if host and key.device.kind != "cpu" and key.device.vendor != "Apple":
            continue
        if not key.qualifiers <= qualifiers:
            continue
        at = _place(words, key.core)
        if at is None:
            continue
        rank = (key.device.kind != "cpu" or host, len(key.core) + len(key.qualifiers), -at)
        if best is None or rank > best[0]:
            best = rank, Mention(key.device, tokens[at][1], tokens[at + len(key.core) - 1][2])
    return _of_memory(lower) if best is None else best[1]


def _of_memory(text: str) -> Mention | None:
    found = re.search(r"(?<![\d.])(\d+)\s*gb (?:gpu|card|vram)", text.replace("-", " "))
    if found is None or int(found[1]) not in _USUAL:
        return None
    return Mention(EVERYTHING[_USUAL[int(found[1])]], *found.span())


def _place(words: tuple[str, ...], core: tuple[str, ...]) -> int | None:
    return next((at for at in range(len(words) - len(core) + 1) if words[at : at + len(core)] == core), None)


def _qualifiers(text: str) -> frozenset[str]:
    found = (re.sub(r"[\s-]", "", match[0]).lower() for match in _QUALIFIERS.finditer(text))
    return frozenset("laptop" if word == "mobile" else word for word in found)


@cache
def _keys() -> tuple[_Key, ...]:
    """Every spelling of every device, the devices' own names first."""
    named = [(name, name) for name in EVERYTHING]
    others = [(spelling, name) for name, spellings in SPELLINGS.items() for spelling in spellings.split(", ")]
    keys = []
    for spelling, name in (*named, *others):
        core = tuple(_TOKEN.findall(_QUALIFIERS.sub(" ", spelling.lower())))
        core = tuple(word for word in core if word not in _SILENT) or core
        keys.append(_Key(core, _qualifiers(spelling), EVERYTHING[name]))
    return tuple(keys)
