"""Plots as small SVG, written by hand: they take the page's colours, so dark mode and print need nothing more.

Every plot is 440 wide, which a phone shows at a readable size; numbers have fixed decimals, so equal evidence gives
equal bytes. A plot has no title: its figure has.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from danlu.run.report import words
from danlu.run.report.costs import Cost

Row = Mapping[str, Any]
Scale = Callable[[float], float]
_WIDTH = 440
_LEFT, _RIGHT = 8.0, 432.0
_ROW = 46


def levels(rows: Sequence[Row], few_shot: Mapping[str, Row]) -> str:
    """Shares of base, base with examples and tuned on a track from 0 to 100%."""
    parts = [_legend([("base", "Base"), *([("few", "Base, 2 examples")] if few_shot else []), ("tuned", "Tuned")])]
    for number, row in enumerate(rows):
        top = 26 + number * _ROW
        prompted = few_shot.get(row["metric"])
        points = [("base", row["base"]), ("few", prompted["base"] if prompted else None), ("tuned", row["tuned"])]
        parts.append(_label(top, words.metric(row["metric"]), _arrow(row)))
        parts.append(_line(_LEFT, top + 28, _RIGHT, top + 28, "track"))
        places = [_across(row[side], 0, 1) for side in ("base", "tuned")]
        parts.append(_line(places[0], top + 28, places[1], top + 28, "span"))
        parts += [_mark(kind, _across(value, 0, 1), top + 28) for kind, value in points if value is not None]
    bottom = 26 + len(rows) * _ROW
    parts += [_tick(_across(v, 0, 1), bottom, f"{v:.0%}", 26) for v in (0, 0.25, 0.5, 0.75, 1)]
    return _svg(bottom + 22, parts)


def forest(rows: Sequence[Row]) -> str:
    """Changes with their intervals, better to the right; rows are all of one unit. Margins are dashed."""
    sign = -1 if words.is_loss(rows[0]) else 1
    ends = [sign * v for row in rows for v in (*row["ci95"], row["diff"], 0.0) if v is not None]
    ends += [-row["margin"] for row in rows if row.get("margin") is not None]
    low, high = min(ends), max(ends)
    room = 0.06 * ((high - low) or 1)
    low, high = low - room, high + room
    bottom = 4 + len(rows) * _ROW
    parts = []
    for number, row in enumerate(rows):
        top = 4 + number * _ROW
        parts.append(_line(_across(0, low, high), top + 19, _across(0, low, high), top + 37, "zero"))
        figures = f"{words.change(row['diff'], row).removesuffix(f' {words.unit(row)}')} ({words.interval(row)})"
        parts.append(_label(top, words.short(row), figures))
        found = sorted(math.inf if v is None else sign * v for v in row["ci95"])
        if row["ci95"][0] is None and row["ci95"][1] is None:
            found = [-math.inf, math.inf]
        left, right = (_across(min(max(v, low), high), low, high) for v in found)
        if row.get("margin") is not None:
            place = _across(-row["margin"], low, high)
            parts.append(_line(place, top + 19, place, top + 37, "margin"))
        parts.append(_line(left, top + 28, right, top + 28, "interval"))
        parts += [_line(x, top + 24, x, top + 32, "interval") for x in (left, right)]
        parts.append(_mark("tuned", _across(sign * row["diff"], low, high), top + 28))
    scale = 1 if sign < 0 else 100
    for value in _ticks(low * scale, high * scale):
        parts.append(_tick(_across(value / scale, low, high), bottom, _number(sign * value), None))
    unit = words.UNITS[words.unit(rows[0])] + (", less is better" if sign < 0 else "")
    parts.append(_text(_LEFT, bottom + 34, "← worse", "muted"))
    parts.append(_text(_WIDTH / 2, bottom + 34, unit, "muted", "middle"))
    parts.append(_text(_RIGHT, bottom + 34, "better →", "muted", "end"))
    return _svg(bottom + 42, parts)


def loss(trajectory: Sequence[Row]) -> str:
    """Loss of each step and its running mean, over tokens seen."""
    values = [float(row["loss"]) for row in trajectory]
    seen, total = [], 0.0
    for row in trajectory:
        total += float(row.get("tokens") or 1)
        seen.append(total)
    low, high = min(values), max(values)
    room = 0.08 * ((high - low) or max(high, 1))
    low, high = max(0.0, low - room), high + room
    left, top, bottom = 44.0, 24.0, 204.0

    def x(tokens: float) -> float:
        return left + (_RIGHT - left) * (tokens / total)

    def y(value: float) -> float:
        return bottom - (bottom - top) * (value - low) / (high - low)

    parts = []
    for value in _ticks(low, high, 5):
        parts.append(_line(left, y(value), _RIGHT, y(value), "grid"))
        parts.append(_text(left - 6, y(value) + 4, f"{value:g}", "muted", "end"))
    parts += [_text(x(v), bottom + 16, _thousands(v), "muted", _anchor(x(v))) for v in _ticks(0, total, 5) if v > 0]
    parts.append(_path([(x(t), y(v)) for t, v in zip(seen, values, strict=True)], "raw"))
    parts.append(_path([(x(t), y(v)) for t, v in zip(seen, _smooth(values), strict=True)], "smooth"))
    parts.append(_text(_LEFT, 12, "nats per token", "muted"))
    parts.append(_text(_RIGHT, bottom + 34, "tokens seen", "muted", "end"))
    return _svg(bottom + 42, parts)


def stages(rows: Sequence[Cost]) -> str:
    """Two bars a stage: what was planned, with its 80% range, and what it took."""
    longest = max(max(row.planned or 0, row.high or 0, row.actual or 0) for row in rows) or 1.0
    parts = [_legend([("planned", "Planned, with 80% range"), ("actual", "Actual")])]
    for number, row in enumerate(rows):
        top = 26 + number * _ROW
        parts.append(_label(top, row.name, f"{row.say(row.planned)} → {row.say(row.actual)}"))
        if row.planned is not None:
            parts.append(_bar(top + 21, _across(row.planned, 0, longest), "planned"))
        if row.low is not None and row.high is not None:
            ends = _across(row.low, 0, longest), _across(row.high, 0, longest)
            parts.append(_line(ends[0], top + 24.5, ends[1], top + 24.5, "interval thin"))
        if row.actual is not None:
            parts.append(_bar(top + 30, _across(row.actual, 0, longest), "actual"))
    bottom = 26 + len(rows) * _ROW
    unit, name = (60.0, "min") if longest >= 120 else (1.0, "s")
    parts += [_tick(_across(v * unit, 0, longest), bottom, f"{v:g} {name}", None) for v in _ticks(0, longest / unit, 5)]
    return _svg(bottom + 22, parts)


def _svg(height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" '
        f'aria-hidden="true" focusable="false">{"".join(parts)}</svg>'
    )


def _across(value: float, low: float, high: float) -> float:
    return _LEFT + (_RIGHT - _LEFT) * (value - low) / (high - low)


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def _bar(y: float, end: float, kind: str) -> str:
    return f'<rect x="{_LEFT:.1f}" y="{y:.1f}" width="{max(end - _LEFT, 1):.1f}" height="7" rx="1.5" class="{kind}"/>'


def _path(points: Sequence[tuple[float, float]], kind: str) -> str:
    if len(points) == 1:
        return f'<circle cx="{points[0][0]:.1f}" cy="{points[0][1]:.1f}" r="3" class="tuned"/>'
    return f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}" class="{kind}"/>'


def _mark(kind: str, x: float, y: float) -> str:
    """Each arm has a shape of its own: colour alone does not reach everybody."""
    if kind == "few":
        return f'<path d="M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6 -6z" class="few"/>'
    if kind == "tuned":
        return f'<rect x="{x - 5:.1f}" y="{y - 5:.1f}" width="10" height="10" rx="1.5" class="tuned"/>'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" class="{kind}"/>'


def _label(top: float, name: str, figures: str) -> str:
    return _text(_LEFT, top + 14, name) + _text(_RIGHT, top + 14, figures, "muted", "end")


def _legend(entries: Sequence[tuple[str, str]]) -> str:
    parts, x = [], _LEFT + 6
    for kind, name in entries:
        swatch = (
            f'<rect x="{x - 6:.1f}" y="6" width="12" height="7" rx="1.5" class="{kind}"/>'
            if kind in {"planned", "actual"}
            else _mark(kind, x, 9)
        )
        parts.append(swatch + _text(x + 11, 13, name, "muted"))
        x += 32 + 6.6 * len(name)
    return "".join(parts)


def _tick(x: float, bottom: float, text: str, top: float | None) -> str:
    rule = "" if top is None else _line(x, top + 22, x, bottom, "grid faint")
    return rule + _line(x, bottom, x, bottom + 4, "grid") + _text(x, bottom + 17, text, "muted", _anchor(x))


def _anchor(x: float) -> str:
    """A number near an edge stays on the plot."""
    return "start" if x < 24 else "end" if x > _WIDTH - 24 else "middle"


def _arrow(row: Row) -> str:
    return f"{words.level(row['base'], row)} → {words.level(row['tuned'], row)}"


def _ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Round numbers between two ends."""
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(n * step, 10) for n in range(first, math.floor(high / step + 1e-9) + 1)]


def _number(value: float) -> str:
    return "0" if value == 0 else f"{value:+g}".replace("-", "−")


def _thousands(value: float) -> str:
    return f"{value / 1e6:g}M" if value >= 1e6 else f"{value / 1e3:g}k" if value >= 1e3 else f"{value:g}"


def _smooth(values: Sequence[float]) -> list[float]:
    """The mean over about a tenth of the steps around each; near an end, over those that there are."""
    reach = max(1, len(values) // 20)
    parts = (values[max(0, n - reach) : n + reach + 1] for n in range(len(values)))
    return [sum(part) / len(part) for part in parts]
