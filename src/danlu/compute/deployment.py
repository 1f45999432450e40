"""How a model is best served on a question's hardware: the split, latencies, rate and price, and other formats."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from danlu.compute import serving
from danlu.compute.architecture import Architecture
from danlu.compute.catalogue import ELEMENT_BYTES
from danlu.compute.quantities import nearest
from danlu.compute.question import Question, Served
from danlu.compute.serving import FORMATS, Format, Load, Serving, Split
from danlu.compute.serving.voice import Cascade, EndToEnd
from danlu.compute.words import duration, many
from danlu.errors import RecipeError

SCHEMA = "danlu/plan-serving-1"
_CLIENTS = 32  # where nobody says how many
_COMPARED = ("bf16", "fp8", "nvfp4", "int4")


@dataclass(frozen=True, slots=True)
class Option:
    """A split, or a format, with what it gives."""

    name: str
    asked: serving.Question
    found: Serving

    @property
    def words(self) -> str:
        """On a line."""
        found = self.found
        if not found.memory.fits:
            return f"{self.name}: does not fit, {found.memory.weights / 1e9:.0f} GB of weights a device"
        paid = "" if found.price is None else f", {found.price.value:.3g} USD a million tokens"
        return (
            f"{self.name}: first token {duration(found.ttft.value)}, then {duration(found.tpot.value)}, "
            f"{many(found.throughput.value)} tokens/s{paid}"
        )

    def to_json(self) -> dict[str, Any]:
        """With the bytes that a token's pass reads of the weights on each device."""
        found, form = self.found, self.asked.weights
        return {
            "name": self.name,
            "split": asdict(self.asked.split),
            "weights": form.name,
            "weight_bytes": form.weight_bytes,
            "computed_in": form.computes_in(self.asked.cluster.device),
            "fits": found.memory.fits,
            "ttft_s": asdict(found.ttft),
            "tpot_s": asdict(found.tpot),
            "tokens_per_s": asdict(found.throughput),
            "tokens_per_s_per_device": asdict(found.device_throughput),
            "usd_per_million_tokens": None if found.price is None else asdict(found.price),
            "running": found.running,
            "concurrency": found.concurrency,
            "saturated": found.saturated,
            "words": self.words,
        }


@dataclass(frozen=True, slots=True)
class Deployment:
    """best: of the splits, the highest rate that fits; others: further splits; formats: the best split in each."""

    question: Question
    best: Option
    others: tuple[Option, ...]
    formats: tuple[Option, ...]
    explanation: str
    assumed: tuple[str, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether the weights and one request fit."""
        return self.best.found.memory.fits

    @property
    def verdict(self) -> str:
        """A line or two."""
        found = self.best.found
        room = found.memory
        if not self.fits:
            ways = next((o for o in (*self.formats, *self.others) if o.found.memory.fits), None)
            way = f" {ways.name} makes it fit." if ways else f" {self._more()}"
            weights, usable = room.weights / 1e9, room.usable / 1e9
            return f"Does not fit: {weights:.0f} GB of weights on a device that gives {usable:.0f}.{way}"
        paid = "" if found.price is None else f"; {found.price.value:.3g} USD a million tokens"
        queue = " More arrives than leaves: the queue grows." if found.saturated else ""
        return (
            f"Serves: the first token after {duration(found.ttft.value)}, then one in {duration(found.tpot.value)}; "
            f"{many(found.throughput.value)} tokens/s{paid}. Up to {found.concurrency:,.0f} requests at a time.{queue}"
        )

    def _more(self) -> str:
        explained = serving.explain(self.question.architecture, self.question.cluster, self.best.asked.weights)
        return f"{explained.devices} such devices hold it."

    def _voice(self) -> list[str]:
        """A spoken turn: through this model between recogniser and voice, or by a speech model of its speed."""
        found = self.best.found
        if not self.fits:
            return []
        cascade = Cascade().turn(found.ttft.value, found.tpot.value).words
        try:
            whole = EndToEnd().turn(found.tpot.value).words
        except RecipeError as error:  # at this load it is no answer, and that is the answer
            whole = str(error)
        return [f"as a cascade: {cascade}", f"as one speech model of this size and speed: {whole}"]

    def to_json(self) -> dict[str, Any]:
        """Seconds, bytes, tokens a second, USD."""
        found, load = self.best.found, self.best.asked.load
        device = self.question.cluster.device
        return {
            "schema": SCHEMA,
            "verdict": self.verdict,
            "fits": self.fits,
            "model": {"name": self.question.architecture.name, **_sizes(self.question.architecture)},
            "hardware": {
                "name": device.name,
                "num_devices": self.question.cluster.num_devices,
                "memory_bytes": device.memory_bytes,
                "memory_bytes_per_s": device.memory_bytes_per_s,
            },
            "load": asdict(load),
            **self.best.to_json(),
            "memory": {part.name: getattr(found.memory, part.name) for part in fields(found.memory)},
            "pass_s": {p.name: getattr(found.step, p.name) for p in fields(found.step) if p.name.endswith("_s")},
            "bottleneck": found.bottleneck,
            "others": [option.to_json() for option in self.others],
            "formats": [option.to_json() for option in self.formats],
            "explanation": self.explanation,
            "voice": self._voice(),
            "lines": [self.verdict, found.bottleneck, *(option.words for option in self.formats)],
            "assumptions": [*self.assumed, *device.assumptions],
        }


def _sizes(shape: Architecture) -> dict[str, float]:
    return {
        "num_parameters": shape.num_parameters,
        "active_parameters": shape.active_parameters,
        "kv_bytes_per_token": shape.kv_bytes(1.0),
    }


def deploy(question: Question, served: Served, *, usd_per_device_h: float | None = None) -> Deployment:
    """The best split of the devices under the load. Raises RecipeError for a format that is not known."""
    weights = _format(served.weights)
    assumed = () if served.rate or served.concurrency else (f"concurrency={_CLIENTS}: as many clients wait at a time",)
    options = [
        _option(_named(split), _asked(question, served, split, weights), usd_per_device_h)
        for split in _splits(question)
    ]
    ranked = sorted(options, key=_rank)
    best = ranked[0]
    formats = [
        _option(name, replace(best.asked, weights=FORMATS[name]), usd_per_device_h)
        for name in _COMPARED
        if name != weights.name
    ]
    return Deployment(
        question=question,
        best=best,
        others=tuple(ranked[1:4]),
        formats=tuple(formats),
        explanation=serving.explain(question.architecture, question.cluster, weights).text,
        assumed=assumed,
    )


def _rank(option: Option) -> tuple[bool, bool, float]:
    return (not option.found.memory.fits, option.found.saturated, -_rate(option))


def _rate(option: Option) -> float:
    """Tokens a second; where arrivals set them, what a request waits for counts instead."""
    found = option.found
    if option.asked.load.mode == "open":
        return -(found.ttft.value + option.asked.load.osl * found.tpot.value)
    return found.throughput.value


def _option(name: str, asked: serving.Question, usd_per_device_h: float | None) -> Option:
    return Option(name, asked, serving.serve(asked, usd_per_device_h=usd_per_device_h))


def _named(split: Split) -> str:
    replicas = "" if split.replicas == 1 else f"{split.replicas} replicas of "
    pipeline = "" if split.pp == 1 else f", PP {split.pp}"
    return f"{replicas}TP {split.tp}{pipeline}"


def _splits(question: Question) -> Iterator[Split]:
    """Tensor parallel within the linked devices, stages beyond, the rest as replicas. What the user fixed stays."""
    cluster, shape, fixed = question.cluster, question.architecture, question.degrees
    number = cluster.num_devices
    pipelines = (fixed.pp,) if fixed.pp else (1, 2, 4, 8)
    widths = (fixed.tp,) if fixed.tp else (1, 2, 4, 8, 16)
    made = False
    for tp in widths:
        for pp in pipelines:
            fills = number % (tp * pp) == 0 and shape.num_heads % tp == 0 and pp <= shape.num_layers
            linked = tp <= max(cluster.link_domain, 1) or tp <= min(number, 8) or fixed.tp is not None
            if fills and linked:
                made = True
                yield Split(tp=tp, pp=pp, replicas=number // (tp * pp), expert_parallel=shape.experts is not None)
    if not made and fixed.tp is None and fixed.pp is None:
        yield Split(replicas=number)
    elif not made:
        raise RecipeError(
            f"tp={fixed.tp or 1} x pp={fixed.pp or 1} does not divide {number} devices and the heads evenly."
        )


def _asked(question: Question, served: Served, split: Split, weights: Format) -> serving.Question:
    clients = served.concurrency or _CLIENTS
    load = (
        Load("closed", served.isl, served.osl, concurrency=float(clients))
        if served.rate is None
        else Load("open", served.isl, served.osl, rate=served.rate, concurrency=served.concurrency)
    )
    return serving.Question(
        question.architecture,
        question.cluster,
        load,
        split,
        weights,
        kv_bytes=ELEMENT_BYTES[served.cache],
        engine=serving.engine_of(served.engine),
    )


def _format(text: str) -> Format:
    found = serving.format_of(text)
    if found is None:
        raise RecipeError(f"serve_weights={text!r} is not known; the nearest is {nearest(text, FORMATS)!r}.")
    return found
