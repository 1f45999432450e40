"""The options of `danlu plan`: those of a dataclass, and one for every setting of a plan."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from danlu.compute.settings import EVERY

HELP = """Say what a run will take, before anything is spent: memory, time, bottleneck, faults, power, cost; what would
be better.

Of one card:

    danlu plan --model llama-3.1-8b --method qlora --seq-len 8k --hardware "RTX 4090"

Of a cluster, over layouts that are searched unless they are fixed:

    danlu plan --model llama-3.1-70b --tokens 2T --hardware 512xH100

    danlu plan --model llama-3.1-70b --tokens 2T --hardware 512xH100 --tp 8 --pp 4

    danlu plan --model llama-3.1-70b --tokens 2T --hardware 512xH100 --sweep hardware=256xH100,512xH100,512xB200

Of a device of your own, and of a recipe:

    danlu plan --model qwen3-8b --method lora --hardware "H100 SXM:memory=96,bandwidth=2.4,rent=1.9"

    danlu plan recipes/tutor.yaml --probe

Against published runs, in a file of the usual columns:

    danlu plan --validate runs.csv --predictions predicted.csv
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """The command line, but for the settings of a plan."""

    words: Annotated[
        list[str] | None, typer.Argument(help="A recipe in YAML and key=value overrides; or settings as key=value.")
    ] = None
    model: Annotated[str | None, typer.Option(help="A model by name, or a folder with its config.json.")] = None
    hardware: Annotated[
        str | None, typer.Option(help="512xH100, 'RTX 4090', 'H100 SXM:memory=96,bandwidth=2.4', auto (this machine).")
    ] = None
    sweep: Annotated[
        list[str] | None, typer.Option(help="KEY=V1,V2,…: a table over these values; may be given several times.")
    ] = None
    compare: Annotated[
        bool, typer.Option("--compare", help="The same on other hardware, and what is known of its software.")
    ] = False
    html: Annotated[str | None, typer.Option(help="Write it as a page with sliders to this file.")] = None
    probe: Annotated[
        bool, typer.Option("--probe", help="Of a recipe: time about a minute of it on this machine first, then plan.")
    ] = False
    validate: Annotated[
        list[Path] | None, typer.Option(help="A CSV file of published runs: how far the planner is from each figure.")
    ] = None
    predictions: Annotated[Path | None, typer.Option(help="With --validate: write every prediction to this CSV.")] = (
        None
    )
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as one JSON object.")] = False


def command(answer: Callable[[Asked, Mapping[str, str]], None]) -> Callable[..., None]:
    """A typer command whose options are Asked's and the settings'; typer reads them from its signature."""
    hints = get_type_hints(Asked, include_extras=True)
    own = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.POSITIONAL_OR_KEYWORD if field.name == "words" else inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=hints[field.name],
        )
        for field in fields(Asked)
    ]
    settings = [
        inspect.Parameter(
            key,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                str | None,
                typer.Option(help=setting.words, rich_help_panel=setting.group.capitalize(), metavar="VALUE"),
            ],
        )
        for key, setting in EVERY.items()
    ]
    names = {field.name for field in fields(Asked)}

    def plan(**written: Any) -> None:
        asked = Asked(**{key: value for key, value in written.items() if key in names})
        answer(asked, {key: value for key, value in written.items() if key not in names and value is not None})

    plan.__doc__ = HELP
    plan.__signature__ = inspect.Signature([*own, *settings])  # type: ignore[attr-defined]
    return plan
