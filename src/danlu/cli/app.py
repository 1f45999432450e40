"""The command line's entry: commands, and what a mistake looks like."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from danlu import __version__
from danlu.cli.render import render
from danlu.errors import DanluError, Refusal
from danlu.recipe import Recipe

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="danlu: from data, compute and an algorithm to a language model that is proven worth shipping.",
)


def main() -> None:
    """Run a command; exit codes are those of danlu.errors."""
    try:
        app()
    except DanluError as error:
        name = f"refused (number {error.number})" if isinstance(error, Refusal) else "error"
        sys.stderr.write(f"{name}: {error}\n")
        sys.exit(error.exit_code)


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


app.command()(render)


@app.command()
def schema() -> None:
    """Print the JSON schema of a recipe, for editors."""
    typer.echo(json.dumps(Recipe.model_json_schema(), indent=2))
