"""Devices by name, however it is spelt."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from types import MappingProxyType

from danlu.compute.catalogue.cards import CARDS
from danlu.compute.catalogue.device import Device
from danlu.errors import RecipeError

CATALOGUE: Mapping[str, Device] = MappingProxyType({card.name: card for card in CARDS})


def find(name: str) -> Device:
    """The device of that name; spelling, case and "NVIDIA" do not matter. Raises RecipeError with the nearest name.

    A name that fits several (H100) takes the first of the table.
    """
    wanted = _plain(name)
    plain = {_plain(known): known for known in CATALOGUE}
    if wanted in plain:
        return CATALOGUE[plain[wanted]]
    starts = [known for key, known in plain.items() if wanted and key.startswith(wanted)]
    if starts:
        return CATALOGUE[starts[0]]
    near = difflib.get_close_matches(wanted, plain, n=1, cutoff=0)
    raise RecipeError(
        f"hardware {name!r} is neither this machine nor in the catalogue; the nearest name is {plain[near[0]]!r}. "
        "Use it, or hardware: auto for this machine."
    )


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", re.sub(r"nvidia|amd|geforce|tesla", "", name.lower()))
