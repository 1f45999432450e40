"""The plan of a recipe: its work, this machine, and what past runs and a probe showed, handed to compute/."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from danlu import ledger
from danlu.artefact import read_json
from danlu.compute import CATALOGUE, Calibration, Device, Plan, Probe, find, plan_stages
from danlu.errors import RecipeError
from danlu.hub import Resolved, resolve
from danlu.recipe import FreshBase, Recipe
from danlu.run.counting import workload_of
from danlu.run.fresh import planned_fresh
from danlu.run.machine import this_machine
from danlu.run.settle import RUNS
from danlu.run.stages.base import renderer_of
from danlu.tokens import Renderer


@contextlib.contextmanager
def base_to_plan(recipe: Recipe, root: Path) -> Iterator[tuple[Resolved, Renderer]]:
    """The base of a recipe and its renderer, for as long as the block runs: of a fresh one, no weights are made."""
    base = recipe.base
    if isinstance(base, FreshBase):
        with planned_fresh(recipe, root) as made:
            yield made, renderer_of(made.folder, recipe.data.form)
        return
    found = resolve(base.model, sha256=base.sha256, licence=base.licence, chat_template=base.chat_template, root=root)
    yield found, renderer_of(found.folder, recipe.data.form)


def plan_recipe(
    recipe: Recipe,
    *,
    root: Path,
    base: Resolved,
    renderer: Renderer,
    history: Sequence[Mapping[str, Any]] = (),
    probe: Probe | None = None,
) -> Plan:
    """What a run of `recipe` will take, before anything is spent.

    root: where the recipe's relative paths start. base: the resolved base; only its config.json is read. history:
    past runs as compute.Calibration reads them. probe: what run/probe.py measured on this machine. Raises RecipeError
    for hardware that is neither this machine nor in the catalogue, DataError for data that cannot be read.
    """
    device = device_of(recipe)
    config = read_json(base.folder / "config.json")
    work = workload_of(recipe, root=root, renderer=renderer, counted=probe.counted if probe else None)
    unlearnt = plan_stages(recipe.training, config, work, device, model_name=base.source, probe=probe)
    if not history:
        return unlearnt
    calibration = Calibration.from_history(history, device.name, unlearnt.to_json())
    return plan_stages(recipe.training, config, work, device, calibration, model_name=base.source, probe=probe)


def device_of(recipe: Recipe) -> Device:
    """Where the recipe runs: this machine, or a card of the catalogue for a plan alone."""
    machine = this_machine()
    if recipe.hardware in {"auto", machine.name}:
        return machine.device(recipe.threads)
    if difflib.get_close_matches(recipe.hardware, [machine.name, *CATALOGUE], n=1, cutoff=0)[0] == machine.name:
        raise RecipeError(
            f"hardware {recipe.hardware!r} is not this machine, which is {machine.name!r}. "
            "Set hardware: auto to run the recipe here."
        )
    return find(recipe.hardware)


def past_runs(hardware: str) -> list[dict[str, Any]]:
    """What the ledger beside ./runs knows of this hardware; nothing where there is no ledger yet."""
    path = RUNS / ledger.NAME
    return ledger.Ledger.existing(path).history(hardware) if path.is_file() else []
