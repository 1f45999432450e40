"""Cells of published serving rows as parts of a question: parallelism, lengths, modes, however they are spelt."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

from danlu.compute.architecture import Architecture
from danlu.compute.catalogue import Cluster
from danlu.compute.serving.formats import FORMATS, Format
from danlu.compute.serving.question import Mode, Split

Row = Mapping[str, str]


class Lengths(NamedTuple):
    """Mean tokens of prompts and answers of a data set."""

    isl: float
    osl: float


# Means as the benchmarks' own printouts give them: ShareGPT under vLLM's and SGLang's bench_serving; MLPerf Inference's
# reference implementations (mlcommons/inference, language/*/README.md).
DATASETS: Mapping[str, Lengths] = {
    "sharegpt": Lengths(220, 195),
    "llama2-70b": Lengths(294, 294),
    "mixtral-8x7b": Lengths(283, 145),
    "llama3.1-405b": Lengths(9428, 684),
    "llama3.1-8b": Lengths(778, 73),
    "deepseek-r1": Lengths(800, 3880),
}


def number(text: str | None) -> float | None:
    """The number of a cell; None where it has none."""
    if not text:
        return None
    found = re.search(r"[-+]?\d[\d,]*\.?\d*(?:e[-+]?\d+)?", text.replace("\u00a0", " "), re.IGNORECASE)
    return float(found.group().replace(",", "")) if found else None


def billions(text: str | None) -> float | None:
    """Parameters of a cell that counts billions, or single ones."""
    value = number(text)
    if value is None or value <= 0:
        return None
    return value if value > 1e5 else value * 1e9


def mode_of(row: Row) -> Mode:
    """The load's kind, from the mode's cell or, where it says nothing, from what the row holds."""
    text = (row.get("mode") or "").lower()
    clients = number(row.get("concurrency"))
    rate = (row.get("request_rate") or "").lower()
    kinds: tuple[tuple[bool, Mode], ...] = (
        ("prefill" in text and "decode" not in text, "prefill"),
        ("decode" in text and "prefill" not in text, "decode"),
        ("single" in text or (not text and clients == 1), "single"),
        ("offline" in text or "throughput" in text or "batch" in text, "offline"),
        (("concurren" in text or "closed" in text or not text) and bool(clients), "closed"),
        (("rate" in text or "server" in text or "open" in text) and not rate.startswith("inf"), "open"),
    )
    return next((kind for holds, kind in kinds if holds), "offline")


def lengths(row: Row) -> Lengths | None:
    """Of the row, else of its data set."""
    isl, osl = number(row.get("isl")), number(row.get("osl"))
    dataset = (row.get("dataset") or "").lower().replace(" ", "-") + " " + (row.get("notes") or "").lower()
    if "mlperf" in f"{dataset} {row.get('mode')}".lower():  # its data sets have the names of its models
        dataset += " " + re.sub(r"llama[ -]([23])", r"llama\1", (row.get("model") or "").lower())
    known = next((found for name, found in DATASETS.items() if name in dataset), None)
    if isl is None and osl is None and known is None:
        return None
    default = known or Lengths(0 if isl is None else isl, 256)
    if re.search(r"true lengths.{0,20}shorter", dataset):  # asked for, and drawn from one to that
        isl, osl = isl and isl / 2, osl and osl / 2
    return Lengths(default.isl if isl is None else isl, default.osl if osl is None else osl)


def spread_of(row: Row) -> float:
    """How much lengths vary: not, a little (InferenceX: 0.8 to 1 of the asked one), or from none to twice the mean."""
    notes = (row.get("notes") or "").lower() + " " + (row.get("dataset") or "").lower()
    if "range-ratio 0.0" in notes or "sharegpt" in notes or "range ratio" in notes or "mlperf" in notes:
        return 1.0
    if "inferencex" in notes or "inferencemax" in notes:
        return 0.11
    return 0.0


def accepted_of(notes: str) -> float | None:
    """Tokens a pass: 1 without speculative decoding; None where it is on and the accepted length is not printed."""
    text = notes.lower()
    if "no speculative" in text or "not recorded" in text:
        return 1.0
    if not re.search(r"speculative|\bmtp\b|eagle|draft model|lookahead", text):
        return 1.0
    found = re.search(r"accept(?:ance|ed)?[ _-]*len(?:gth)?\D{0,12}(\d+\.?\d*)", text)
    return float(found.group(1)) if found else None


_DISAGGREGATED = re.compile(r"(prefill|decode)\s+(\d+)\s*x\s*\(([^)]*)\)", re.IGNORECASE)


def split_of(row: Row, shape: Architecture, form: Format, cluster: Cluster) -> tuple[Split, bool]:
    """The layout, and whether the row says it (a single device needs no saying)."""
    text = row.get("parallelism") or ""
    parts = {name.lower(): (int(count), inside) for name, count, inside in _DISAGGREGATED.findall(text)}
    if {"prefill", "decode"} <= parts.keys():
        count, inside = parts["decode"]
        split = _plain(inside, shape)
        others, theirs = parts["prefill"]
        prompt = _plain(theirs, shape)
        return _with(split, replicas=count, prefill_devices=max(1, others * prompt.width * prompt.pp // count)), True
    apart = re.search(r"ep\s?(\d+) decode|large-scale ep", text.lower())
    if apart:
        wide = int(apart.group(1) or cluster.num_devices)
        return Split(dp=wide, expert_parallel=True, prefill_devices=wide), True
    text = _short(text)
    if not re.search(r"[tdp]p\d|dep\d|tep\d|ep\d", text.lower()):
        return _guessed(row, shape, form, cluster)
    split = _plain(text, shape)
    used, given = split.width * split.pp, cluster.num_devices
    if used > given >= 1 and number(row.get("n_gpus")):
        split = _with(split, dp=max(1, given // (split.tp * split.pp)), tp=split.tp if split.tp <= given else given)
    elif given > used and given % used == 0:
        split = _with(split, replicas=given // used)
    return split, True


def _short(text: str) -> str:
    """ "tensor parallel size = 4", "tp_size: 4", "4-way TP", "TP 4": all of them TP4."""
    low = re.sub(r"tensor[\s_-]*parallel(?:ism)?", "tp", text.lower())
    low = re.sub(r"pipeline[\s_-]*parallel(?:ism)?", "pp", low)
    low = re.sub(r"expert[\s_-]*parallel(?:ism)?", "ep", low)
    low = re.sub(r"data[\s_-]*parallel(?:ism)?", "dp", low)
    low = re.sub(r"\b(\d+)[\s-]*(?:way|x)[\s-]*([tpde]p)\b", r"\2\1", low)
    return re.sub(r"([tpde]p)[\s_-]*(?:size|degree)?[\s=:_-]*(\d+)", r"\1\2", low)


def _plain(text: str, shape: Architecture) -> Split:
    """TP8, TP8+EP, TP4+attnDP4+moeEP16, DP8+EP, DEP8, TP8 (attention DP on), TP8+DP8(attention DP), TP1,PP2."""
    low = text.lower()

    def degree(pattern: str) -> int:
        found = re.search(pattern, low)
        return max(1, int(found.group(1))) if found else 1

    tp, pp = degree(r"(?<![a-z])tp[\s=_-]?(\d+)"), degree(r"(?<![a-z])pp[\s=_-]?(\d+)")
    dp = degree(r"(?:attn|attention[ _-]?)?(?<!moe)dp[\s=_-]?(\d+)")
    expert = bool(re.search(r"ep\d|\bep\b|\+ep|expert", low)) and not re.search(r"moeep1\b", low)
    both = re.search(r"(?<![a-z])(d|t)ep(\d+)", low)
    if both:
        wide = int(both.group(2))
        return Split(dp=wide, expert_parallel=True) if both.group(1) == "d" else Split(tp=wide, expert_parallel=True)
    if "attention dp on" in low or "attn dp on" in low:
        return Split(tp=1, pp=pp, dp=tp, expert_parallel=expert)
    if "attention dp" in low and dp > 1:
        return Split(tp=max(1, tp // dp), pp=pp, dp=dp, expert_parallel=expert)
    if dp > 1 and shape.experts is None:
        return Split(tp=tp, pp=pp, replicas=dp)
    return Split(tp=tp, pp=pp, dp=dp, expert_parallel=expert or dp > 1)


def _with(split: Split, **changes: int) -> Split:
    fields = {name: getattr(split, name) for name in Split.__slots__}
    return Split(**(fields | changes))


def _guessed(row: Row, shape: Architecture, form: Format, cluster: Cluster) -> tuple[Split, bool]:
    """One device; or layers divided, where it says so; or the fewest devices on which the weights leave room."""
    devices = max(1, cluster.num_devices)
    if devices == 1 and (number(row.get("n_gpus")) or _room(shape, form, cluster) <= 1):
        return Split(), True
    if re.search(r"layer split|device map|pipeline|offload", (row.get("parallelism") or "").lower()):
        return Split(pp=min(devices, shape.num_layers)), True
    tp = 2 ** max(0, math.ceil(math.log2(max(_room(shape, form, cluster), 1e-9))))
    tp = tp if devices == 1 else min(devices, tp)
    return Split(tp=tp, replicas=max(1, devices // tp)), False


def _room(shape: Architecture, form: Format, cluster: Cluster) -> float:
    """Devices that the weights fill to 60%."""
    return shape.num_parameters * form.weight_bytes / (0.6 * cluster.device.memory_bytes)


def is_gpt_oss(name: str) -> bool:
    """Published in MXFP4 alone: whatever four bits a table says, it is those."""
    return re.search(r"gpt-?oss", name.lower()) is not None


def native_format(name: str) -> Format:
    """What a checkpoint's name says of its weights, bf16 where nothing."""
    low = name.lower()
    if is_gpt_oss(low):
        return FORMATS["mxfp4"]
    if (re.search(r"deepseek.*(v3|r1)", low) and "distill" not in low) or "minimax-m2" in low:
        return FORMATS["fp8"]
    return FORMATS["bf16"]
