"""The closing table of `danlu run`, and what `danlu show` prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from danlu.run.report import words
from danlu.run.report.costs import Cost, costs

_TONES = {"better": "green", "yes": "green", "not_better": "red", "no": "red", "undecided": "yellow"}
_GUARD = {"yes": "held", "no": "failed", "undecided": "undecided", None: ""}


def summary(run: Mapping[str, Any]) -> RenderableType:
    """A run's result (`danlu/run-1`) as tables: waivers and verdict first. An unfinished run shows what is known."""
    parts: list[RenderableType] = [_verdict(run)]
    if run.get("scenario"):
        parts.append(_scenario(run["scenario"]))
    if run.get("guard"):
        parts.append(_guard(run["guard"]))
    rows = costs(run, run.get("plan") or {})
    if rows:
        parts.append(_costs(rows))
    return Group(*parts)


def _verdict(run: Mapping[str, Any]) -> Panel:
    colour = "green" if run.get("ship") else _TONES.get(run.get("verdict") or "", "yellow")
    if run.get("verdict") == "better" and not run.get("ship"):
        colour = "red"
    body = Text()
    for number, reason in sorted((run.get("accepted") or {}).items()):
        body.append(f"Accepted refusal {number}: {reason}\n", style="bold yellow")
    body.append(words.verdict(run), style=f"bold {colour}")
    why = run.get("why") or run.get("error")
    if why:
        body.append(f"\n{why}")
    if run.get("goal"):
        body.append(f"\nGoal: {run['goal']}", style="dim")
    return Panel(body, title=Text(run["name"], style="bold"), title_align="left", border_style=colour)


def _scenario(rows: list[Mapping[str, Any]]) -> Table:
    if words.from_scratch(rows):
        return _against_baselines(rows)
    few_shot = {row["metric"]: row for row in rows if row.get("against") == "few_shot"}
    table = _table("Scenario", "", "base", *(["few-shot"] if few_shot else []), "tuned", "change", "95% interval")
    table.caption = _units(rows)
    for row in rows:
        if row.get("against", "base") == "base":
            other = few_shot.get(row["metric"])
            middle = [_bare(words.level(other["base"] if other else None, row))] if few_shot else []
            table.add_row(words.metric(row["metric"]), _bare(words.level(row["base"], row)), *middle, *_change(row))
    for row in list(few_shot.values())[:1]:
        label = Text(f"{words.metric(row['metric'])}, against few-shot", style="dim")
        table.add_row(label, "", _bare(words.level(row["base"], row)), *_change(row))
    return table


def _against_baselines(rows: list[Mapping[str, Any]]) -> Table:
    table = _table(words.metric(rows[0]["metric"]), "", "baseline", "model", "change", "95% interval")
    table.caption = _units(rows)
    for row in rows:
        table.add_row(words.short(row), _bare(words.level(row["base"], row)), *_change(row))
    return table


def _guard(rows: list[Mapping[str, Any]]) -> Table:
    table = _table("Guard", "", "base", "tuned", "change", "95% interval", "margin", "")
    table.caption = _units(rows)
    for row in rows:
        held = words.held(row)
        mark = Text(_GUARD[held], style=_TONES.get(held or "", ""))
        margin = _bare(words.tolerated(row)) if held else ""
        name, base = words.metric(row["metric"]), _bare(words.level(row["base"], row))
        table.add_row(name, base, *_change(row, coloured=False), margin, mark)
    return table


def _change(row: Mapping[str, Any], *, coloured: bool = True) -> Iterator[RenderableType]:
    style = _TONES.get(row.get("verdict", ""), "") if coloured else ""
    yield _bare(words.level(row["tuned"], row))
    yield Text(_bare(words.change(row["diff"], row)), style=style)
    yield words.interval(row)


def _bare(figure: str) -> str:
    """Without its unit, which stands once below the table: a terminal is narrow."""
    number, _, unit = figure.partition(" ")
    return number if unit in words.UNITS else figure


def _units(rows: list[Mapping[str, Any]]) -> str:
    found = dict.fromkeys(words.unit(row) for row in sorted(rows, key=words.is_loss))
    said = (words.UNITS[unit] + ("" if unit == "points" else " (less is better)") for unit in found)
    return f"changes in {' or '.join(said)}"


def _costs(rows: list[Cost]) -> Table:
    table = _table("Cost", "", "planned", "actual", "actual/planned")
    for row in rows:
        if row.kind != "stage" or row.actual is not None:
            label = f"  {row.name}" if row.kind == "stage" else row.name
            table.add_row(label, row.say(row.planned), row.say(row.actual), words.ratio(row.actual, row.planned))
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD,
        title=title,
        title_justify="left",
        title_style="bold",
        caption_justify="left",
        pad_edge=False,
    )
    for number, name in enumerate(columns):
        table.add_column(name, justify="left" if number == 0 else "right", no_wrap=number > 0)
    return table
