"""The plan of a recipe: its stages on one device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from danlu.cli.planned.bars import bars, listed
from danlu.compute import Plan
from danlu.compute.words import duration, gigabytes, money


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
    console.print(bars((item, value, gigabytes(value)) for item, value in made.memory.items()))
    console.print()
    console.print(
        f"Time by stage, with 80% intervals: {made.tokens['total']:,} tokens in {made.steps['count']:.0f} steps, "
        f"{made.steps['tokens_per_s']:,.0f} tokens/s"
    )
    console.print(
        bars(
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
            console.print(listed(lines))


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
