"""`danlu plan`: what a run will take, on one screen, before anything is spent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from danlu.compute import Plan
from danlu.recipe import load
from danlu.run.planning import base_to_plan, device_of, past_runs, plan_recipe
from danlu.run.settle import fit_to_text

_BAR = 30  # characters


def plan(
    recipe: Annotated[Path, typer.Argument(help="A recipe in YAML.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value, as in hardware='H100 SXM'.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan as one JSON object.")] = False,
) -> None:
    """Say what a run will take: memory, time by stage, bottleneck, cost; and what would be better."""
    root = recipe.parent
    written = fit_to_text(load(recipe, overrides or ()), root)
    with base_to_plan(written, root) as (base, renderer):
        history = past_runs(device_of(written).name)
        made = plan_recipe(written, root=root, base=base, renderer=renderer, history=history)
    if as_json:
        typer.echo(json.dumps(made.to_json()))
    else:
        show(made, Console(highlight=False))


def show(made: Plan, console: Console) -> None:
    """One screen: verdict, memory, time, what would be better, elsewhere, assumptions."""
    described = made.to_json()
    style = "bold green" if made.fits else "bold red"
    console.print(verdict(described), style=style)
    console.print(price(described))
    console.print(f"Bottleneck: {made.bottleneck}")
    console.print()
    name = max(described["phases"], key=lambda phase: described["phases"][phase]["bytes"])
    console.print(f"Memory of the phase that needs most ({name}), of {gigabytes(made.hardware.memory_bytes)}")
    console.print(_bars((item, value, gigabytes(value)) for item, value in made.memory.items()))
    console.print()
    console.print(
        f"Time by stage, with 80% intervals: {made.tokens['total']:,} tokens in {made.steps['count']:.0f} steps, "
        f"{made.steps['tokens_per_s']:,.0f} tokens/s"
    )
    console.print(
        _bars(
            (s.name, s.time_s, f"{duration(s.time_s)} ({duration(s.low_s)} to {duration(s.high_s)})")
            for s in made.stages
        )
    )
    if made.elsewhere:
        console.print()
        console.print("The same run elsewhere (from data sheets, not measured)")
        console.print(_elsewhere(made.elsewhere))
    for title, lines in (("What would help", made.advice), ("Assumptions", made.assumptions)):
        if lines:
            console.print()
            console.print(title)
            console.print(_listed(lines))


def verdict(described: Mapping[str, Any]) -> str:
    """The plan in one line, from its JSON: does it fit, and how long does it take."""
    memory = f"{gigabytes(described['memory_bytes'])} of {gigabytes(described['hardware']['memory_bytes'])}"
    low, time_s, high = (duration(described[key]) for key in ("low_s", "time_s", "high_s"))
    fits = "Fits" if described["fits"] else "Does not fit"
    return f"{fits}: {memory}. Takes about {time_s} ({low} to {high})."


def price(described: Mapping[str, Any]) -> str:
    """Where it runs, and what that costs, from a plan's JSON."""
    cost = described["cost"]
    paid = "no price on record" if cost is None else f"{money(cost['usd'])} ({cost['basis']})"
    return f"On {described['hardware']['name']}: {described['energy_wh']:.3g} Wh, {paid}."


def _bars(rows: Iterable[tuple[str, float, str]]) -> Table:
    kept = list(rows)
    largest = max((value for _, value, _ in kept), default=0.0) or 1.0
    table = Table.grid(padding=(0, 2))
    for name, value, text in kept:
        table.add_row(f"  {name}", f"[cyan]{'█' * round(_BAR * value / largest) or '▏'}[/cyan]", text)
    return table


def _listed(lines: Iterable[str]) -> Table:
    table = Table.grid(padding=(0, 1))
    for line in lines:
        table.add_row("  -", line)
    return table


def _elsewhere(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table.grid(padding=(0, 2))
    for row in rows:
        usd = row["usd"]
        table.add_row(
            f"  {row['name']}",
            f"train {duration(row['train_s'])}, all {duration(row['time_s'])}",
            f"{gigabytes(row['memory_bytes'])}{'' if row['fits'] else ', does not fit'}",
            "no rent on record" if usd is None else f"{money(usd)} rent",
        )
    return table


def gigabytes(value: float) -> str:
    """In units of 10^9 bytes, as vendors count."""
    return f"{value / 1e9:.2f} GB" if value < 1e10 else f"{value / 1e9:.0f} GB"


def duration(seconds: float) -> str:
    """Seconds, minutes, hours or days, to two figures or so."""
    for limit, unit, name in ((90, 1, "s"), (5400, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            value = seconds / unit
            return f"{value:.0f} {name}" if value >= 10 else f"{value:.1f} {name}"
    return f"{seconds / 86_400:.1f} days"


def money(usd: float) -> str:
    """US dollars; small sums in full."""
    return f"{usd:,.2f} USD" if usd >= 1 else f"{usd:.2g} USD" if usd >= 0.01 else "under 0.01 USD"
