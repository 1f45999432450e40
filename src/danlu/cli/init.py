"""`danlu init`: a commented recipe for the user's own files, and what it will take."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from danlu.cli.planned.recipe import price, verdict
from danlu.cli.progress import Progress
from danlu.cli.rendered import show
from danlu.compute.words import duration
from danlu.errors import Refusal
from danlu.run.init import Prepared, SourceFile, Wanted, claim, plan_of, prepare, read_sources, slug

SCHEMA = "danlu/init-1"
_LICENCE = "Licence of this data: own, unknown, or a name such as CC-BY-4.0"
_LONGEST = 600  # characters of one turn that a terminal is given


def init(
    files: Annotated[list[Path], typer.Argument(help="JSONL, JSON, CSV, TSV, Parquet, .txt or .md; each is a source.")],
    *,
    base: Annotated[str, typer.Option(help="The model to start from: pypi:NAME, hf:owner/name, a folder or .gguf.")],
    licence: Annotated[str | None, typer.Option(help="Licence of the data: own, unknown or an SPDX name.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the recipe; else that of the first file.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the recipe and its data.")] = Path(),
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what an earlier init wrote.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as one JSON object.")] = False,
) -> None:
    """Write a recipe for your own files, a reason beside each line; show rows as they are trained on, and the plan."""
    sources = read_sources(files)
    console = Console(highlight=False, stderr=as_json)
    for source in sources:
        _say_source(console, source)
    wanted = Wanted(base, licence or "", name or slug(files[0].stem), out, force)
    claim(sources, wanted)
    if not wanted.licence:
        wanted = replace(wanted, licence=_ask(quiet=yes or as_json))
    with Progress(Console(stderr=True)) as progress:
        prepared = prepare(sources, wanted, progress)
        plan = plan_of(prepared)
    if as_json:
        typer.echo(json.dumps({"schema": SCHEMA, **prepared.described(), "plan": plan}, ensure_ascii=False))
        return
    _say_found(console, prepared)
    _say_plan(console, plan)
    path = escape(str(prepared.path))
    console.print(f"\nWrote {path}. Next: [bold]danlu run {path}[/]")


def _ask(*, quiet: bool) -> str:
    """The one question. Refusal 16 where nobody can be asked."""
    if quiet or not sys.stdin.isatty():
        raise Refusal(
            16, "whose data is this? Add --licence own if it is yours, or its licence, such as --licence CC-BY-4.0."
        )
    answer: str = typer.prompt(_LICENCE, err=True)
    return answer.strip()


def _say_source(console: Console, source: SourceFile) -> None:
    console.print(f"[bold]{escape(str(source.path))}[/]: {source.format}, {_count(len(source.rows), 'row')}")
    if source.unread:
        console.print(f"  [yellow]not read[/]: {escape(', '.join(source.unread))}")


def _say_found(console: Console, prepared: Prepared) -> None:
    facts = prepared.described()
    share = facts["supervised_tokens"] / facts["tokens"]
    turns = f"{facts['turns']:,} turns, " if facts["turns"] else ""
    console.print(
        f"to train on: {turns}{facts['tokens']:,} tokens, {share:.0%} of them supervised\n"
        f"row lengths: 99% have at most {facts['p99']:,} tokens, the longest {facts['longest']:,}, "
        f"at {escape(facts['longest_where'])}\n"
        f"copies: {facts['exact_copies']:,} exact, {facts['near_copies']:,} near\n"
        f"held out: {_count(facts['held_out'], 'row')}, {facts['how_split']}",
        soft_wrap=True,
    )
    if facts["left_out"]:
        console.print(f"left out: {_count(facts['left_out'], 'row')}, near-copies of held-out ones")
    if facts["without_system"]:
        bare = _count(facts["without_system"], "dialogue")
        console.print(
            f"no system prompt: {bare}; what stands there now is seen below, data.system in the recipe sets yours",
            soft_wrap=True,
        )
    for number, (title, rendered) in enumerate(prepared.samples(), start=1):
        show(console, prepared.tokenizer, rendered, f"{number}. {title}", _LONGEST)
    console.rule(align="left")


def _say_plan(console: Console, plan: Mapping[str, Any]) -> None:
    stages = ", ".join(f"{s['name']} {duration(s['time_s'])}" for s in plan["stages"] if s["time_s"] >= 1)
    console.print(
        f"[bold]Plan[/]  {verdict(plan)}\n      {price(plan)}\n      {stages}; bottleneck: {plan['bottleneck']}",
        soft_wrap=True,
    )
    for sentence in plan["advice"]:
        console.print(f"      {sentence}", soft_wrap=True)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
