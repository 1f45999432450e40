"""A planner's answer as one HTML file: sliders choose among precomputed answers, prices are reckoned in the page.

Nothing is loaded from elsewhere: style, script and figures are in the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from typing import Any, NamedTuple

from danlu.cli.planned.screen import WORDS, compared, subject
from danlu.run.document import document, escaped


class Price(NamedTuple):
    """A figure that is set in the page."""

    key: str
    words: str
    least: float
    most: float
    step: float
    value: float


def page(described: Mapping[str, Any], grid: Mapping[str, Any]) -> str:
    """The whole file, from an answer's JSON and a grid's."""
    style, script = (_own(name) for name in ("page.css", "page.js"))
    prices = _prices(described)
    told = {
        "grid": grid,
        "tokens": described["training"]["tokens"],
        "watts": _drawn_watts(described),
        "owning": _owning(described),
        "memory_bytes": described["hardware"]["memory_bytes"],
        "prices": [price._asdict() for price in prices],
        "words": WORDS,
    }
    title = f"{described['model']['name']} on {described['hardware']['name']}"
    body = (
        f"<header><h1>{escaped(title)}</h1><p class=subject>{escaped(subject(described))}</p></header>",
        "<main>",
        f'<p id="verdict" class="verdict {_tone(described)}" role="status" aria-live="polite">'
        f"{escaped(described['verdict'])}</p>",
        *_controls(grid, prices),
        *_answer(),
        *_fixed(described),
        "</main>",
        f'<script id="told" type="application/json">{_embedded(told)}</script>',
    )
    return document(f"Plan: {title}", style, body, script=script)


def _own(name: str) -> str:
    return files("danlu.cli.planned").joinpath(name).read_text(encoding="utf-8")


def _tone(described: Mapping[str, Any]) -> str:
    return "fits" if described["fits"] else "not"


def _embedded(value: Any) -> str:
    """JSON that cannot end its script element."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _drawn_watts(described: Mapping[str, Any]) -> float:
    """Of a device on average, so that node factor and PUE, which have sliders, give the account's energy."""
    power = described["power"]
    kept: float = power["mean_w"] / described["hardware"]["num_devices"]
    return kept / float(power["inputs"]["node_factor"] * power["inputs"]["pue"])


def _owning(described: Mapping[str, Any]) -> float:
    """What owning costs without electricity (interest, upkeep, room, resale), over price / share: the page's rule."""
    money = described["money"]
    inputs, owned = money["inputs"], money["owned"]
    if not owned:
        return 1.0
    worked_h = owned["usd"] / owned["usd_per_device_h"]
    hourly = (owned["usd"] - owned["items_usd"]["electricity"]) / worked_h
    rule = inputs["device_usd"] / inputs["device_share"] / (inputs["years"] * 8766 * inputs["utilisation"])
    return float(hourly / rule)


def _prices(described: Mapping[str, Any]) -> tuple[Price, ...]:
    """The assumptions of cost that matter most, as the answer has them."""
    money, power = described["money"]["inputs"], described["power"]["inputs"]
    rent, buy = money["rent_usd_h"], money["device_usd"]
    return (
        Price("rent", "Rent of a device, USD an hour", 0, _above(rent), _step(rent), rent),
        Price("buy", "A device with its board, USD", 0, _above(buy), _step(buy), buy),
        Price("gpu_share", "Devices' share of owning", 0.05, 1, 0.01, money["device_share"]),
        Price("years", "Years of use", 1, 6, 0.5, money["years"]),
        Price("utilisation", "Hours in use, %", 10, 100, 5, 100 * money["utilisation"]),
        Price("electricity", "Electricity, USD a kWh", 0, 0.6, 0.01, money["electricity_usd_kwh"]),
        Price("pue", "PUE (hall over computers)", 1, 2, 0.05, power["pue"]),
        Price("node_factor", "Node's power over devices'", 1, 3, 0.01, power["node_factor"]),
    )


def _above(value: float) -> float:
    """The end of a slider on which `value` stands at a third."""
    digits = float(10 ** (len(str(int(3 * value))) - 1))
    return max(1.0, -(-3 * value // digits) * digits)


def _step(value: float) -> float:
    return 0.05 if value < 50 else float(5 * 10 ** max(0, len(str(int(value))) - 4))


def _controls(grid: Mapping[str, Any], prices: Iterable[Price]) -> Iterator[str]:
    yield '<form aria-label="What if" onsubmit="return false">'
    names = {"devices": "Devices", "batches": "Rows of a step", "precisions": "Precision of products"}
    for (axis, name), place in zip(names.items(), grid["asked"], strict=True):
        last = len(grid[axis]) - 1
        off = " disabled" if last == 0 else ""
        yield (
            f'<div><label for="{axis}">{name} <output id="{axis}-value" for="{axis}"></output></label>'
            f'<input type="range" id="{axis}" min="0" max="{max(last, 1)}" step="1" value="{place}"{off}></div>'
        )
    for price in prices:
        yield (
            f'<div><label for="{price.key}">{escaped(price.words)} '
            f'<output id="{price.key}-value" for="{price.key}"></output></label>'
            f'<input type="range" id="{price.key}" min="{price.least:g}" max="{price.most:g}" step="{price.step:g}" '
            f'value="{price.value:g}"></div>'
        )
    yield "</form>"


def _answer() -> Iterator[str]:
    """Places that the script fills, whenever a slider moves."""
    yield '<div id="answer">'
    yield '<dl class="cards">'
    for key, name in _CARDS:
        note = "card-time-range" if key == "time" else f"card-{key}-note"
        yield f'<div><dt>{name}</dt><dd id="card-{key}"></dd><small id="{note}"></small></div>'
    yield "</dl>"
    yield '<div class="columns">'
    yield '<section aria-labelledby="memory-title"><h2 id="memory-title">Memory <small id="memory-range"></small></h2>'
    yield '<div id="gauge" class="gauge" aria-hidden="true"><i></i><b></b></div>'
    yield '<table id="memory" class="bars" aria-labelledby="memory-title"><tbody></tbody></table></section>'
    yield '<section aria-labelledby="time-title"><h2 id="time-title">A step <small id="time-range"></small></h2>'
    yield '<table id="time" class="bars time" aria-labelledby="time-title"><tbody></tbody></table></section>'
    yield "</div>"
    yield '<h2>What bounds it</h2><p id="bottleneck"></p><ul id="relief"></ul>'
    yield '<h2>Layout</h2><div class="table"><table class="cost"><tbody>'
    yield '<tr><th scope="row">Best</th><td id="layout" class="best"></td></tr>'
    yield '<tr><th scope="row">Runner-up</th><td id="runner-up"></td></tr>'
    yield "</tbody></table></div>"
    yield '<h2>Cost</h2><div class="table"><table class="cost"><tbody>'
    for key, name in (("rent", "Rented"), ("own", "Owned"), ("energy", "Energy")):
        yield f'<tr><th scope="row">{name}</th><td id="{_id(key)}" class="figure"></td><td id="{key}-note"></td></tr>'
    yield "</tbody></table></div></div>"


def _id(key: str) -> str:
    return f"{key}-usd" if key == "rent" else key


def _fixed(described: Mapping[str, Any]) -> Iterator[str]:
    """What the sliders do not change: told for the question as it was asked."""
    told = [(name, described[key]["lines"]) for key, name in _SECTIONS if (described.get(key) or {}).get("lines")]
    if told:
        yield "<h2>As asked <small>for the devices, the batch and the precision of the question</small></h2>"
        yield '<div class="table"><table class="cost"><tbody>'
        for name, lines in told:
            words = "<br>".join(map(escaped, lines))
            yield f'<tr><th scope="row">{name}</th><td>{words}</td></tr>'
        yield "</tbody></table></div>"
    if described.get("elsewhere"):
        yield from _elsewhere(described["elsewhere"])
    yield from _listed("Assumptions", described["assumptions"], opened=True)
    yield from _listed(
        "Formulas and their sources", (f"{f['name']}: {f['text']} ({f['source']})" for f in described["formulas"])
    )


def _elsewhere(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    yield "<h2>As many other devices</h2>"
    yield '<div class="table" role="region" aria-label="As many other devices" tabindex="0"><table class="cost others">'
    heads = ("", "Memory", "Trains", "Serves", "A token at least", "Ahead in; what is not known")
    yield "<thead><tr>" + "".join(f'<th scope="col">{head}</th>' for head in heads) + "</tr></thead><tbody>"
    for row in rows:
        cells = "".join(f"<td>{escaped(cell)}</td>" for cell in compared(row))
        yield f'<tr><th scope="row">{escaped(row["name"])}</th>{cells}</tr>'
    yield "</tbody></table></div>"


_CARDS = (("memory", "Memory of the fullest device"), ("time", "Training"), ("cost", "Cost"), ("rate", "Speed"))
_SECTIONS = tuple((name, name.capitalize()) for name in ("faults", "power", "money", "scaling", "serving"))


def _listed(title: str, lines: Iterable[str], *, opened: bool = False) -> Iterator[str]:
    items = "".join(f"<li>{escaped(line)}</li>" for line in lines)
    if items:
        yield f"<details{' open' if opened else ''}><summary>{title}</summary><ul>{items}</ul></details>"
