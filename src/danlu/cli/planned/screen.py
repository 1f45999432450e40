"""A planner's answer on one screen, from its JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from danlu.cli.planned.bars import bars, listed
from danlu.compute.words import between, duration, gigabytes, interval, many

_SMALL = 0.015  # of the whole: what is less stands in one line with the others
_ASSUMPTIONS = 6  # lines of them; --json has all


def show(described: Mapping[str, Any], console: Console) -> None:
    """Verdict, memory, time, layout, bottleneck, cost, assumptions."""
    console.print(escape(described["verdict"]), style="bold green" if described["fits"] else "bold red")
    console.print(escape(subject(described)))
    _memory(described, console)
    _step(described, console)
    _layout(described, console)
    _costs(described, console)
    _serving(described, console)
    _elsewhere(described["elsewhere"], console)
    console.print()
    console.print("Assumptions")
    console.print(listed(map(escape, _assumptions(described["assumptions"]))))


def subject(described: Mapping[str, Any]) -> str:
    """What is planned, in a line or two."""
    model, hardware, training = described["model"], described["hardware"], described["training"]
    active = model["active_parameters"]
    size = f"{many(model['num_parameters'])} parameters"
    if active < 0.95 * model["num_parameters"]:
        size += f", {many(active)} active"
    devices = f"{hardware['num_devices']:,} x " if hardware["num_devices"] > 1 else ""
    step = described["step"]
    return (
        f"{model['name']} ({size}), {described['question']['words']} on {devices}{hardware['name']}: "
        f"{many(training['tokens'])} tokens in {training['steps']:,.0f} steps of {many(step['tokens'])} "
        f"({step['sequences']:,} rows)."
    )


def _memory(described: Mapping[str, Any], console: Console) -> None:
    memory = described["memory"]
    total = memory["bytes"]["value"]
    phase = f", {memory['phase']}" if memory.get("phase") else ""
    console.print()
    console.print(
        f"Memory of the fullest device{phase}: {gigabytes(total)} ({between(memory['bytes'], 1e9)}) "
        f"of {gigabytes(described['hardware']['memory_bytes'])}, {gigabytes(memory['usable_bytes'])} usable"
    )
    console.print(bars((name, value, gigabytes(value)) for name, value in _merged(memory["items"])))
    shown = memory["nvidia_smi_bytes"]
    if shown and shown > 1.05 * total and described["fits"]:
        console.print(f"  nvidia-smi may show {gigabytes(shown)}: the allocator keeps what it could give back.")
    if described["remedies"]:
        console.print(listed(map(escape, described["remedies"])))


def _step(described: Mapping[str, Any], console: Console) -> None:
    step, used = described["step"], described["step"]["utilisation"]
    low, high = step["time_s"]["low"], step["time_s"]["high"]
    console.print()
    console.print(
        f"A step takes {duration(step['time_s']['value'])} ({interval(low, high)}): "
        f"{step['tokens_per_s_per_device']:,.0f} tokens/s a device, MFU {used['mfu_causal']:.0%} "
        f"({used['mfu_full']:.0%} if attention counts whole, {used['hfu']:.0%} with recomputation)"
    )
    total = sum(step["parts"].values())
    console.print(
        bars(
            (WORDS.get(name, name.replace("_", " ")), value, f"{duration(value)}, {value / total:.0%}")
            for name, value in _merged(step["parts"])
        )
    )
    console.print(f"Bottleneck: {escape(described['bottleneck'])}")
    if described["relief"]:
        console.print(listed(escape(relieved(change)) for change in described["relief"]))


def relieved(change: Mapping[str, Any]) -> str:
    """One change and what it is worth."""
    return f"{change['change']}: −{change['saves']:.0%} step time"


def _layout(described: Mapping[str, Any], console: Console) -> None:
    if described["hardware"]["num_devices"] == 1 and described["runner_up"] is None:
        console.print(f"\nLayout     {described['layout']['words']}")
        return
    console.print()
    table = Table.grid(padding=(0, 2))
    table.add_row("Layout", described["layout"]["words"])
    other = described["runner_up"]
    if other is not None:
        table.add_row("Runner-up", f"{other['words']}: {other['why']}")
    console.print(table)


def _costs(described: Mapping[str, Any], console: Console) -> None:
    rows = list(_cost_rows(described))
    if not rows:
        return
    console.print()
    table = Table.grid(padding=(0, 2))
    for name, *cells in rows:
        table.add_row(name, *map(escape, cells))
    console.print(table)


def _cost_rows(described: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    """Faults, power, money, scaling: a line each, from what the JSON says of them in words."""
    for key, name in (("faults", "Faults"), ("power", "Power"), ("money", "Cost"), ("scaling", "Scaling")):
        told = described.get(key)
        for number, line in enumerate(told["lines"] if told else ()):
            yield ("" if number else name), line


def _serving(described: Mapping[str, Any], console: Console) -> None:
    served = described.get("serving")
    if served is None:
        return
    console.print()
    console.print("Serving")
    console.print(listed(map(escape, served["lines"])))


def _elsewhere(rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    if not rows:
        return
    console.print()
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("As many others", no_wrap=True)
    for name in ("memory", "trains", "serves", "a token"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("ahead in; what is not known")
    for row in rows:
        table.add_row(row["name"], *map(escape, compared(row)))
    console.print(table)


def compared(row: Mapping[str, Any]) -> tuple[str, str, str, str, str]:
    """An alternative: its memory, speed of training, devices that serve, the floor under a token, and words."""
    trains = "does not hold it" if row["speed"] is None else f"x {row['speed']:.2f}"
    words = "; ".join(filter(None, (", ".join(row["leads_in"]), row["warning"])))
    serves = f"on {row['serving_devices']}"
    return gigabytes(row["device_memory_bytes"]), trains, serves, duration(row["serving_floor_s"]), words


def _assumptions(lines: Sequence[str]) -> Iterator[str]:
    yield from lines[:_ASSUMPTIONS]
    if len(lines) > _ASSUMPTIONS:
        yield f"and {len(lines) - _ASSUMPTIONS} more, in --json"


def _merged(parts: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    """The largest first; small ones together at the end."""
    total = sum(parts.values())
    small = [value for value in parts.values() if value < _SMALL * total]
    for name, value in sorted(parts.items(), key=lambda part: -part[1]):
        if value >= _SMALL * total or len(small) == 1:
            yield name, value
    if len(small) > 1 and sum(small) > 0:
        yield "the rest", sum(small)


WORDS = {
    "products": "matrix products",
    "memory_ops": "norms and activations",
    "pointwise": "norms and activations",
    "casts": "casts",
    "tensor": "tensor parallel",
    "context": "context parallel",
    "expert": "all-to-all of experts",
    "data": "data parallel",
    "bubble": "pipeline bubble",
    "imbalance": "uneven stages",
    "stages": "between stages",
    "host": "starting kernels",
    "dequantise": "unpacking the base",
    "loss": "logits and loss",
    "reference": "reference model",
}
