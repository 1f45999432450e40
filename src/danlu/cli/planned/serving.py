"""A deployment on one screen, from its JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from danlu.cli.planned.bars import bars, listed
from danlu.compute.words import duration, gigabytes, interval, many

_PASS = {
    "weights_s": "reading weights",
    "arithmetic_s": "arithmetic",
    "moves_s": "moving activations",
    "attention_s": "attention and its cache",
    "exchange_s": "between devices",
    "kernels_s": "starts of kernels",
    "host_s": "host",
    "step_s": "scheduler and sampler",
}


def show(described: Mapping[str, Any], console: Console) -> None:
    """Verdict, memory, one pass, the other splits and formats, why."""
    console.print(escape(described["verdict"]), style="bold green" if described["fits"] else "bold red")
    console.print(escape(_subject(described)))
    memory = described["memory"]
    console.print()
    console.print(f"Memory of a device: {gigabytes(memory['usable'])} usable of {gigabytes(_held(described))}")
    items = {"weights": "weights", "activations": "activations of a prompt", "cache": "room for the cache"}
    console.print(bars((words, memory[key], gigabytes(memory[key])) for key, words in items.items()))
    console.print(f"  A request keeps {gigabytes(memory['cache_per_request'])} of cache on each device of its replica.")
    console.print()
    times = {key: value for key, value in described["pass_s"].items() if value > 0}
    console.print("A pass that decodes (reading and arithmetic overlap, and so do device and host)")
    console.print(bars((_PASS.get(key, key), value, duration(value)) for key, value in times.items()))
    console.print(escape(described["bottleneck"]))
    console.print()
    console.print(_options(described))
    console.print(_intervals(described))
    console.print()
    console.print(escape(described["explanation"]))
    if described["voice"]:
        console.print()
        console.print("A spoken turn under this load")
        console.print(listed(map(escape, described["voice"])))
    if described["assumptions"]:
        console.print()
        console.print("Assumptions")
        console.print(listed(map(escape, described["assumptions"])))


def _subject(described: Mapping[str, Any]) -> str:
    model, hardware, load = described["model"], described["hardware"], described["load"]
    comes = f"{load['rate']:g} requests a second" if load["rate"] else f"{load['concurrency']:g} clients at a time"
    devices = f"{hardware['num_devices']:,} x " if hardware["num_devices"] > 1 else ""
    return (
        f"{model['name']} ({many(model['num_parameters'])} parameters) in {described['weights']} on {devices}"
        f"{hardware['name']} as {described['name']}: {comes}, {load['isl']:,} tokens in and {load['osl']:,} out."
    )


def _held(described: Mapping[str, Any]) -> float:
    return float(described["hardware"]["memory_bytes"])


def _options(described: Mapping[str, Any]) -> Table:
    """The best with its intervals, then the other splits and the other formats."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", no_wrap=True)
    for name in ("first token", "a token", "tokens/s", "USD/M tokens", "at a time"):
        table.add_column(name, justify="right", no_wrap=True)
    own = f"{described['name']}, {described['weights']}"
    for name, option in (
        (own, described),
        *((f"{o['name']}, {o['weights']}", o) for o in described["others"]),
        *((f"{described['name']}, {o['weights']}", o) for o in described["formats"]),
    ):
        table.add_row(escape(name), *_cells(option))
    return table


def _intervals(described: Mapping[str, Any]) -> str:
    """Of the best, in four cases of five."""
    ttft, tpot, rate = described["ttft_s"], described["tpot_s"], described["tokens_per_s"]
    return (
        f"80% intervals of the first line: {interval(ttft['low'], ttft['high'])} to the first token, "
        f"{interval(tpot['low'], tpot['high'])} a token, {many(rate['low'])} to {many(rate['high'])} tokens/s."
    )


def _cells(option: Mapping[str, Any]) -> list[str]:
    if not option["fits"]:
        return ["[red]does not fit[/red]", "", "", "", ""]
    paid = option["usd_per_million_tokens"]
    return [
        duration(option["ttft_s"]["value"]),
        duration(option["tpot_s"]["value"]),
        many(option["tokens_per_s"]["value"]),
        "-" if paid is None else f"{paid['value']:.3g}",
        f"{option['concurrency']:,.0f}",
    ]
