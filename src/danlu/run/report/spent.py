"""The part of a report that was measured: what was planned, and what it took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from danlu.run.report import plots, words
from danlu.run.report.blocks import Block, Facts, Figure, Folded, Measured, Paragraph, Points, table
from danlu.run.report.costs import Cost, costs

Json = Mapping[str, Any]


def measured(run: Json, plan: Json) -> Measured:
    """Time by stage, memory, speed, planned and actual; then what the plan rests on."""
    return Measured(tuple(_blocks(run, plan)))


def _blocks(run: Json, plan: Json) -> Iterator[Block]:
    rows = costs(run, plan)
    if not rows:
        yield Paragraph("Nothing is on record of what was planned or taken.")
        return
    hardware = (plan.get("hardware") or {}).get("name") or (run.get("machine") or {}).get("name") or "unknown hardware"
    yield Paragraph(
        f"On {hardware}. The plan was made before anything was spent; its range holds the outcome in about 80 of 100 "
        "runs. The right-hand figures are actual divided by planned: ×1.00 is as planned."
    )
    yield table(
        "Planned and actual",
        "<What | Planned | 80% range | Actual | Actual ÷ planned | Memory at its peak",
        [
            [
                f"Stage {row.name}" if row.kind == "stage" else row.name.capitalize(),
                row.say(row.planned),
                _range(row),
                row.say(row.actual),
                words.ratio(row.actual, row.planned),
                words.size(row.peak_bytes) if row.kind == "stage" else "–",
            ]
            for row in rows
        ],
    )
    reused = tuple(f"Stage {row.name} was {row.note}." for row in rows if row.note)
    if reused:
        yield Paragraph("For a stage that was reused, the time is what building it took then.")
        yield Points(reused)
    stages = [row for row in rows if row.kind == "stage"]
    if any(row.actual for row in stages):
        spoken = "; ".join(f"{s.name}: planned {s.say(s.planned)}, actual {s.say(s.actual)}" for s in stages)
        yield Figure("Time by stage, planned and actual", plots.stages(stages), spoken)
    if plan.get("bottleneck"):
        yield Paragraph(f"Bottleneck as planned: {plan['bottleneck'].rstrip('.')}.")
    yield from _planned(plan)


def _range(row: Cost) -> str:
    return "–" if row.low is None or row.high is None else f"{row.say(row.low)} to {row.say(row.high)}"


def _planned(plan: Json) -> Iterator[Block]:
    blocks = tuple(_behind(plan))
    if blocks:
        yield Folded("What the plan rests on", blocks)


def _behind(plan: Json) -> Iterator[Block]:
    facts = []
    if plan.get("flops"):
        facts.append(("Arithmetic of training", f"{plan['flops']:.2e} floating-point operations"))
    if plan.get("energy_wh"):
        facts.append(("Energy", f"{plan['energy_wh']:.1f} Wh, at the device's full power"))
    if plan.get("cost"):
        facts.append(("Money", f"{plan['cost']['usd']:.4f} USD, {plan['cost']['basis']}"))
    if facts:
        yield Facts(tuple(facts))
    if plan.get("memory"):
        rows: list[Any] = [[name, words.size(value)] for name, value in plan["memory"].items()]
        yield table("Planned memory of the phase that needs most", "<Item | Size", rows)
    if plan.get("elsewhere"):
        yield table(
            "The same run elsewhere, by the same formulas",
            "<Device | Time | Memory | <Fits | Cost, USD",
            [
                [
                    d["name"],
                    words.duration(d["time_s"]),
                    words.size(d["memory_bytes"]),
                    "yes" if d["fits"] else "no",
                    "–" if d.get("usd") is None else f"{d['usd']:.3f}",
                ]
                for d in plan["elsewhere"]
            ],
        )
    for title, name in (("Assumed:", "assumptions"), ("What would help:", "advice")):
        if plan.get(name):
            yield Paragraph(title)
            yield Points(tuple(map(str, plan[name])))
    if plan.get("formulas"):
        formulas: list[Any] = [[f["name"], f["formula"], f["source"]] for f in plan["formulas"]]
        yield table("Formulas", "<Quantity | <Formula | <Source", formulas)
