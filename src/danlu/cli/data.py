"""`danlu data build`: the data of a recipe alone, and what became of every row."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from danlu.cli.accept import Accept, Because, waivers
from danlu.cli.progress import Progress
from danlu.run.carry import Request
from danlu.run.dataset import build_data


def build(
    recipe: Annotated[Path, typer.Argument(help="A recipe in YAML.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value, for instance data.overlong=split.")] = None,
    *,
    out: Annotated[Path, typer.Option(help="The folder for tokens, decisions and card.")],
    accept: Accept = None,
    because: Because = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the data card as one JSON object.")] = False,
) -> None:
    """Build the data of a recipe: packed tokens, a decision for each row, and a card that sums them up."""
    request = Request(recipe, tuple(overrides or ()), out, waivers(accept, because))
    with Progress(Console(stderr=True)) as progress:
        card = build_data(request, progress)
    if as_json:
        typer.echo(json.dumps(card, ensure_ascii=False))
    else:
        show(card, Console(highlight=False))


def show(card: Mapping[str, Any], console: Console) -> None:
    """Step by step, source by source, and a line for whatever the user should look at."""
    console.print(_table(("step", "rows in", "rows out", "removed"), map(_step, card["steps"])))
    heads = ("source", "licence", "rows", "kept", "tokens", "supervised", "lost")
    console.print()
    console.print(_table(heads, map(_source, card["sources"])))
    full = card["num_tokens"] / (card["num_packs"] * card["max_length"])
    console.print()
    console.print(
        f"{card['num_documents']:,} documents in {card['num_packs']:,} packs of {card['max_length']:,} tokens, "
        f"{full:.0%} full; {card['num_supervised_tokens']:,} of {card['num_tokens']:,} tokens supervised; "
        f"distinct-4 {card['distinct_4']:.2f}",
        soft_wrap=True,
    )
    for warning in warnings(card):
        console.print(f"[yellow]note[/] {escape(warning)}")
    console.print(f"sha256 {card['output_sha256']}, {card['cpu_s']:.1f} s of CPU", soft_wrap=True)


def warnings(card: Mapping[str, Any]) -> Iterable[str]:
    """What is allowed, and yet easily overlooked."""
    for source in card["sources"]:
        if not source["rows_kept"]:
            yield f"{source['name']}: no row is left."
        if source["licence"] in {None, "unknown"}:
            yield f"{source['name']}: the licence is unknown."
    check = card["decontaminate"]
    if check is None:
        yield "evaluation items were not looked for."
        return
    if check["kept"]:
        yield f"rows with evaluation items were kept: {', '.join(check['kept'][:5])}."
    if check["unchecked"]:
        yield f"{len(check['unchecked'])} of {check['items']} evaluation items are too short to be recognised."


def _step(step: Mapping[str, Any]) -> tuple[str, ...]:
    removed = ", ".join(f"{count:,} {reason}" for reason, count in step["removed"].items())
    return step["name"], f"{step['rows_in']:,}", f"{step['rows_out']:,}", removed


def _source(source: Mapping[str, Any]) -> tuple[str, ...]:
    counts = (source[key] for key in ("rows_in", "rows_kept", "tokens", "supervised_tokens", "lost_tokens"))
    return source["name"], source["licence"] or "none", *(f"{count:,}" for count in counts)


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for head in heads:
        table.add_column(head, justify="left" if head in {"step", "source", "licence", "removed"} else "right")
    for row in rows:
        table.add_row(*map(escape, row))
    return table
