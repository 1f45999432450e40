"""The commands, each in a file of its own. Only the one that is asked is imported: the others would cost a second."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any

import typer

from danlu import __version__

HELP = "danlu: from data, compute and an algorithm to a language model that is proven worth shipping."
COMMANDS = {  # where each lives
    "init": "init",
    "run": "run",
    "show": "runs",
    "runs": "runs",
    "review": "runs",
    "chat": "chat",
    "render": "render",
    "score": "score",
    "generate": "generate",
    "plan": "plan",
    "schema": "schema",
}


def assemble(asked: str | None = None) -> typer.Typer:
    """The application with the command of that name alone; with all of them where it is none of the above."""
    app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=HELP)
    app.callback()(about)
    for name in [asked] if asked in COMMANDS else COMMANDS:
        app.command()(_command(COMMANDS[name], name))
    if asked not in COMMANDS:
        data = typer.Typer(no_args_is_help=True, help="The data of a recipe alone.")
        data.callback()(about_data)
        data.command()(_command("data", "build"))
        app.add_typer(data, name="data")
    return app


def _command(module: str, name: str) -> Any:
    return getattr(import_module(f"danlu.cli.{module}"), name)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"danlu {__version__}")
        raise typer.Exit


def about(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Hold the options that come before a command."""


def about_data() -> None:
    """Keep `build` a command of its own."""
