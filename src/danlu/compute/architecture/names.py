"""Models by name, however it is spelt; unknown ones by their size."""

from __future__ import annotations

import difflib
import re

from danlu.compute.architecture.known import KNOWN
from danlu.compute.architecture.shapes import Architecture
from danlu.errors import RecipeError


def find(name: str) -> Architecture:
    """The architecture of a model by name. Raises RecipeError with the nearest name."""
    found = lookup(name)
    if found is not None:
        return found
    near = difflib.get_close_matches(_plain(name), {_plain(k): k for k in KNOWN}, n=1, cutoff=0)
    raise RecipeError(
        f"model {name!r} is not known; the nearest name is {near[0]!r}. Take that, or a folder with a config.json."
    )


def lookup(name: str) -> Architecture | None:
    """The same, None where it is not known."""
    return {_plain(known): shape for known, shape in KNOWN.items()}.get(_plain(name))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9.]", "", name.lower())
