"""A sweep as a table, from its JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from danlu.cli.planned.bars import listed
from danlu.compute.words import duration, gigabytes, money


def show(swept: Mapping[str, Any], console: Console) -> None:
    """A line for each combination; the fastest and the cheapest that fit are named below."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for key in swept["keys"]:
        table.add_column(key.replace("_", " "), no_wrap=True)
    for name in ("memory", "step", "tokens/s each", "MFU", "all", "cost"):
        table.add_column(name, justify="right", no_wrap=True)
    below = []
    for row in swept["rows"]:
        values = [escape(row["values"][key]) for key in swept["keys"]]
        answer = row["answer"]
        table.add_row(*values, *([""] * 6 if answer is None else _cells(answer)))
        below.append(f"{', '.join(values)}: " + (_refused(row["reason"]) if answer is None else _layout(answer)))
    console.print(table)
    console.print("\nLayouts")
    console.print(listed(below))
    fitting = [row for row in swept["rows"] if row["answer"] is not None and row["answer"]["fits"]]
    if len(fitting) > 1:
        console.print(f"Fastest: {_named(min(fitting, key=_time))}. Cheapest: {_named(min(fitting, key=_cost))}.")


def _cells(answer: Mapping[str, Any]) -> list[str]:
    memory, step = answer["memory"]["bytes"]["value"], answer["step"]
    usd = answer["money"]["rent_usd"]
    return [
        gigabytes(memory) if answer["fits"] else f"[red]{gigabytes(memory)}, does not fit[/red]",
        duration(step["time_s"]["value"]),
        f"{step['tokens_per_s_per_device']:,.0f}",
        f"{step['utilisation']['mfu_causal']:.0%}",
        duration(answer["training"]["whole_s"]["value"]),
        "-" if usd is None else money(usd),
    ]


def _layout(answer: Mapping[str, Any]) -> str:
    return escape(answer["layout"]["words"])


def _refused(reason: str) -> str:
    return f"[red]{escape(reason)}[/red]"


def _named(row: Mapping[str, Any]) -> str:
    return escape(", ".join(f"{key}={value}" for key, value in row["values"].items()))


def _time(row: Mapping[str, Any]) -> float:
    return float(row["answer"]["training"]["whole_s"]["value"])


def _cost(row: Mapping[str, Any]) -> float:
    usd = row["answer"]["money"]["rent_usd"]
    return float("inf") if usd is None else float(usd)
