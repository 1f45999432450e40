"""Bars and lists for a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table

_BAR = 30  # characters


def bars(rows: Iterable[tuple[str, float, str]], width: int = _BAR) -> Table:
    """(name, value, words) of each row; the longest bar is the largest value."""
    kept = list(rows)
    largest = max((value for _, value, _ in kept), default=0.0) or 1.0
    table = Table.grid(padding=(0, 2))
    for name, value, text in kept:
        table.add_row(f"  {name}", f"[cyan]{'█' * round(width * value / largest) or '▏'}[/cyan]", text)
    return table


def listed(lines: Iterable[str]) -> Table:
    """Sentences with a dash before each."""
    table = Table.grid(padding=(0, 1))
    for line in lines:
        table.add_row("  -", line)
    return table
