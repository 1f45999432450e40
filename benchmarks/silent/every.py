"""Every case, in the order of the files that hold them."""

from __future__ import annotations

import importlib
from pathlib import Path

from silent.case import Case


def cases() -> tuple[Case, ...]:
    """The cases of all cases_*.py beside this file; their names differ."""
    found: list[Case] = []
    for path in sorted(Path(__file__).parent.glob("cases_*.py")):
        found += importlib.import_module(f"silent.{path.stem}").CASES
    names = [case.name for case in found]
    assert len(set(names)) == len(names), "two cases have one name"
    return tuple(found)
