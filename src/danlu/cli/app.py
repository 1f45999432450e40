"""The command line's entry: commands, and what a mistake looks like."""

from __future__ import annotations

import json
import sys
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
from danlu.errors import DanluError, Refusal

_INTERRUPTED = 130

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="danlu: from data, compute and an algorithm to a language model that is proven worth shipping.",
)


def main() -> None:
    """Run a command; exit codes are those of danlu.errors, 130 for Ctrl-C."""
    try:
        app(standalone_mode=False)
    except DanluError as error:
        sys.exit(_complain(error))
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("\ninterrupted. Nothing is lost: the same command continues.\n")
        sys.exit(_INTERRUPTED)
    except typer.Exit as end:
        sys.exit(end.exit_code)
    except Exception as error:
        usage = getattr(error, "format_message", None)  # click's own words for a wrong option
        if usage is None:
            raise
        sys.stderr.write(f"error: {usage()} Try --help.\n")
        sys.exit(2)


def _complain(error: DanluError) -> int:
    """One sentence on standard error, and with --json the same as an object on standard output."""
    number = error.number if isinstance(error, Refusal) else None
    sys.stderr.write(f"{'error' if number is None else f'refused (number {number})'}: {error}\n")
    if "--json" in sys.argv:
        described = {"kind": type(error).__name__, "message": str(error), "refusal": number}
        sys.stdout.write(json.dumps({"schema": "danlu/error-1", "error": described}, ensure_ascii=False) + "\n")
    return error.exit_code


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
