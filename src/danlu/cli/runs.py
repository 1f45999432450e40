"""`danlu runs`, `danlu show`, `danlu review`: what the ledger knows."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from danlu.errors import DanluError
from danlu.ledger import NAME, Ledger, Run
from danlu.run.locate import run_folder
from danlu.run.report import words
from danlu.run.report.review import monday, to_markdown
from danlu.run.report.review import review as review_of
from danlu.run.report.terminal import summary

SCHEMA = "danlu/runs-1"
Folder = Annotated[Path, typer.Option("--runs", help="The folder of the runs.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
_STYLES = {"better": "green", "not_better": "red", "failed": "red", "running": "cyan"}


def runs(
    folder: Folder = Path("runs"),
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="First register every run folder anew, for a ledger that was lost.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List what has been run: when, for which goal, the verdict, and the time planned and taken."""
    if rebuild:
        ledger, names, complaints = Ledger.rebuild(folder)
        typer.echo(f"registered {words.plural(len(names), 'run')} of {folder}", err=True)
        for complaint in complaints:
            typer.echo(f"left out: {complaint}", err=True)
    else:
        ledger = Ledger.existing(folder / NAME)
    known = ledger.runs()
    if as_json:
        _print_json({"schema": SCHEMA, "runs": [run.described() for run in known]})
    else:
        Console(highlight=False).print(_table(known))


def show(
    run: Annotated[str, typer.Argument(help="A run's name, or its folder.")],
    folder: Folder = Path("runs"),
    as_json: AsJson = False,
) -> None:
    """Show a run's result again: what `danlu run` printed at its end."""
    found = _find(run, folder)
    if as_json:
        _print_json(dict(found.shown()))
    else:
        Console(highlight=False).print(summary(found.shown()))


def review(
    *,
    week: Annotated[str | None, typer.Option(help="An ISO week such as 2026-W48; else this week.")] = None,
    name: Annotated[str | None, typer.Option("--set", help="A run to write --outcome and --cause to.")] = None,
    outcome: Annotated[str | None, typer.Option(help="What happened, in your words.")] = None,
    cause: Annotated[str | None, typer.Option(help="Why that differs from the goal, in your words.")] = None,
    folder: Folder = Path("runs"),
    as_json: AsJson = False,
) -> None:
    """Print the week's runs as Markdown: what was planned, what happened, and why they differ (for you to fill in)."""
    ledger = Ledger.existing(folder / NAME)
    today = datetime.datetime.now().astimezone().date()
    first = monday(week, today)
    if name is None and (outcome is not None or cause is not None):
        raise DanluError("--outcome and --cause are of one run: name it with --set RUN.")
    if name is not None:
        if outcome is None and cause is None:
            raise DanluError(f"--set {name} needs --outcome TEXT, --cause TEXT or both.")
        kept = ledger.set_outcome(_find(name, folder).name, outcome, cause)
        if week is None:
            first = monday(None, datetime.datetime.fromisoformat(kept.started).astimezone().date())
    reviewed = review_of(ledger.runs(), first)
    if as_json:
        _print_json(reviewed)
    else:
        typer.echo(to_markdown(reviewed), nl=False)


def _find(text: str, folder: Path) -> Run:
    """A run by its name or its folder; a folder that the ledger lost is registered again."""
    place = run_folder(text, folder)
    if place is None:
        return Ledger.existing(folder / NAME).run(text)
    ledger, name = Ledger.beside(place), place.absolute().name
    if name not in {run.name for run in ledger.runs()}:
        ledger.absorb(place)
    return ledger.run(name)


def _table(known: Sequence[Run]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("run", "started"):
        table.add_column(name, no_wrap=True)
    table.add_column("goal", overflow="fold", ratio=1)
    for name in ("verdict", "ship", "planned → actual"):
        table.add_column(name, no_wrap=True)
    for run in known:
        verdict = run.verdict if run.status == "finished" and run.verdict else run.status
        table.add_row(
            Text(run.name),
            f"{datetime.datetime.fromisoformat(run.started).astimezone():%Y-%m-%d %H:%M}",
            Text(run.goal or "", style="dim"),
            Text(verdict.replace("_", " "), style=_STYLES.get(verdict, "yellow")),
            {True: "yes", False: "no", None: ""}[run.ship if run.status == "finished" else None],
            f"{words.duration(run.planned_s)} → {words.duration(run.actual_s)}",
        )
    return table


def _print_json(value: dict[str, Any]) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False))
