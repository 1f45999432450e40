"""A stage: what its result depends on, how it is built, and the hash that later stages see of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from danlu.errors import Waivers
from danlu.hub.store import Emit
from danlu.recipe import Recipe
from danlu.run.store import Store


@dataclass(frozen=True, slots=True)
class Context:
    """A run under way.

    recipe: settled, so its paths are absolute and its threads known. folder: the run's. outputs: the output hash
    of each stage that is done; rows: its key, status, reason and cost. history: past runs as the ledger tells them.
    """

    recipe: Recipe
    folder: Path
    store: Store
    waivers: Waivers
    emit: Emit
    history: tuple[Mapping[str, Any], ...] = ()
    outputs: dict[str, str] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)

    def of(self, stage: str) -> Path:
        """The folder of a stage that is done."""
        return self.folder / stage


@dataclass(frozen=True, slots=True)
class Stage:
    """One step from a recipe to a report.

    module: the stage's own file, whose imports are its code fingerprint. facts: all else that its result depends
    on, as JSON: its part of the recipe and the outputs of earlier stages. output: the hash of what was built, so a
    stage that was built anew and came out the same changes nothing after it. resumes: a killed build goes on from
    what it left; adopts: also from what this run left under other facts, which the stage itself then refuses or
    accepts (refusal 9). libraries: packages whose version may change the result.
    """

    name: str
    module: str
    facts: Callable[[Context], Mapping[str, Any]]
    build: Callable[[Context, Path], None]
    output: Callable[[Path], str]
    resumes: bool = False
    adopts: bool = False
    libraries: tuple[str, ...] = ()
