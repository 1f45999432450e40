"""`danlu run`: carry a recipe out to its report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from danlu.cli.accept import Accept, Because, waivers
from danlu.cli.progress import Progress
from danlu.run.carry import Request
from danlu.run.carry import run as carry_out
from danlu.run.report.terminal import summary


def run(
    recipe: Annotated[Path, typer.Argument(help="A recipe, a YAML file.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="key=value, for instance training.optimizer.lr=3e-4.")
    ] = None,
    *,
    out: Annotated[Path | None, typer.Option(help="The run's folder; else runs/NAME.")] = None,
    accept: Accept = None,
    because: Because = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False,
) -> None:
    """Carry a recipe out: base, items, plan, data, train, evaluate, report. The same command continues a run."""
    request = Request(recipe, tuple(overrides or ()), out, waivers(accept, because))
    with Progress(Console(stderr=True)) as progress:
        result = carry_out(request, progress)
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False))
        return
    console = Console(highlight=False)
    console.print(summary(result))
    folder = result["folder"]
    is_text = result["recipe"]["data"]["form"] == "text"  # what learnt plain text goes on with a text
    use = f"Let it write: danlu generate {folder} PROMPTS.jsonl" if is_text else f"Talk to it: danlu chat {folder}"
    console.print(f"The report: {folder}/report/report.html (and report.md). {use}")
