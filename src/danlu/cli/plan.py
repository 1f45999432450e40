"""`danlu plan`: what a run will take, on one screen, before anything is spent."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from danlu.cli.planned.asking import Asked, command
from danlu.compute.catalogue import Cluster
from danlu.compute.question import Question
from danlu.compute.settings import pairs
from danlu.errors import RecipeError


def _answer(asked: Asked, told: Mapping[str, str]) -> None:
    words = asked.words or []
    if asked.predictions and not asked.validate:
        raise RecipeError("--predictions says where --validate FILE.csv writes to: add --validate.")
    if asked.validate:
        from danlu.cli.planned.validate import validate

        validate(asked.validate, asked.predictions, as_json=asked.as_json)
        return
    if words and "=" not in words[0]:
        _of_recipe(Path(words[0]), words[1:], asked, told)
        return
    settings = {**told, **pairs(words)}
    model, hardware = settings.pop("model", asked.model), settings.pop("hardware", asked.hardware)
    if asked.probe:
        raise RecipeError(
            "--probe times a recipe on this machine: name one, as in danlu plan recipes/tutor.yaml --probe."
        )
    if model is None or hardware is None:
        missing = "--model llama-3.1-8b" if model is None else '--hardware "RTX 4090" (or 512xH100, or auto)'
        raise RecipeError(f"a plan needs a recipe, or a model and hardware: add {missing}.")
    _of_flags(model, hardware, settings, asked)


plan = command(_answer)


def _of_flags(model: str, hardware: str, settings: Mapping[str, str], asked: Asked) -> None:
    from danlu.compute.answer import answer, ask

    console = Console(highlight=False)
    devices = _devices(hardware)
    if asked.sweep:
        _swept(model, devices, settings, asked)
        return
    question = ask(model, devices, settings)
    if question.served is not None and question.served.alone:
        _served(question, asked)
        return
    found = answer(question, compare=asked.compare)
    described = found.to_json()
    if asked.html:
        from danlu.artefact import write_text
        from danlu.cli.planned.page import page
        from danlu.compute.grid import Grid

        write_text(Path(asked.html), page(described, Grid.around(found).to_json()))
    if asked.as_json:
        typer.echo(json.dumps(described, ensure_ascii=False))
        return
    from danlu.cli.planned.screen import show

    show(described, console)
    if asked.html:
        console.print(f"\nWrote {asked.html}")


def _served(question: Question, asked: Asked) -> None:
    from danlu.cli.planned.serving import show
    from danlu.compute.answer import deployment

    described = deployment(question).to_json()
    if asked.as_json:
        typer.echo(json.dumps(described, ensure_ascii=False))
    else:
        show(described, Console(highlight=False))


def _swept(model: str, devices: str | Cluster, settings: Mapping[str, str], asked: Asked) -> None:
    from danlu.cli.planned.table import show
    from danlu.compute.sweep import sweep

    swept = sweep(model, devices, settings, asked.sweep or ())
    if asked.as_json:
        typer.echo(json.dumps(swept.to_json(), ensure_ascii=False))
    else:
        show(swept.to_json(), Console(highlight=False))


def _devices(hardware: str) -> str | Cluster:
    """As written, or this machine where it says so."""
    if hardware not in {"auto", "here", "this machine"}:
        return hardware
    from danlu.run.machine import this_machine

    return Cluster.of(this_machine().device(None))


def _of_recipe(recipe: Path, overrides: Sequence[str], asked: Asked, told: Mapping[str, str]) -> None:
    from danlu.cli.planned.recipe import show
    from danlu.recipe import load
    from danlu.run.planning import base_to_plan, device_of, past_runs, plan_recipe
    from danlu.run.probe import probe, stored
    from danlu.run.settle import fit_to_text

    if told or asked.model or asked.sweep or asked.compare or asked.html:
        raise RecipeError(f"{recipe}: a recipe is planned as it stands; change it by key=value, as training.epochs=2.")
    written = [*overrides, *([f"hardware={asked.hardware}"] if asked.hardware else [])]
    settled = fit_to_text(load(recipe, written), recipe.parent)
    measured = probe(settled, recipe.parent, _probing(asked)) if asked.probe else stored(settled, recipe.parent)
    with base_to_plan(settled, recipe.parent) as (base, renderer):
        history = past_runs(device_of(settled).name)
        made = plan_recipe(settled, root=recipe.parent, base=base, renderer=renderer, history=history, probe=measured)
    if asked.as_json:
        typer.echo(json.dumps(made.to_json()))
    else:
        show(made, Console(highlight=False))


def _probing(asked: Asked) -> Callable[[str, Mapping[str, Any]], None]:
    """Says on standard error what is being timed."""
    console = Console(stderr=True, highlight=False, quiet=asked.as_json)
    return lambda _event, fields: console.print(f"probing: {fields.get('what', '')}", style="dim")
