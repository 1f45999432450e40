"""The commands, each in a file of its own."""

from __future__ import annotations

from typing import Annotated

import typer

from danlu import __version__
from danlu.cli.chat import chat
from danlu.cli.data import build
from danlu.cli.generate import generate
from danlu.cli.init import init
from danlu.cli.plan import plan
from danlu.cli.render import render
from danlu.cli.run import run
from danlu.cli.runs import review, runs, show
from danlu.cli.schema import schema
from danlu.cli.score import score

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="danlu: from data, compute and an algorithm to a language model that is proven worth shipping.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"danlu {__version__}")
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Hold the options that come before a command."""


for command in (init, run, show, runs, review, chat, render, score, generate, plan, schema):
    app.command()(command)
data = typer.Typer(no_args_is_help=True, help="The data of a recipe alone.")
data.command()(build)
app.add_typer(data, name="data")


@data.callback()
def about_data() -> None:
    """Keep `build` a command of its own."""
