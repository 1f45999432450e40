"""What the cells of a table of training runs mean, however a publisher spells them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from danlu.compute.catalogue import Precision
from danlu.compute.job import Numerics
from danlu.compute.job.job import Optimiser, Recompute
from danlu.compute.job.layout import Sharding

Row = Mapping[str, str]
_SCALES = {"k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
_NOTHING = {"", "-", "n/a", "na", "none", "nan", "null", "?", "unknown"}


def number(text: str | None) -> float | None:
    """The first number of a cell: "7B" is 7e9, "1.0e12", "250k", "18432(expert 2048)" is 18432. None without one.

    Nothing that these files count or time is zero: such a cell tells nothing.
    """
    cell = (text or "").strip().lower().replace(",", "")
    if cell in _NOTHING:
        return None
    found = re.match(r"[~<>≈]?\s*(\d+(?:\.\d+)?(?:e[+-]?\d+)?)\s*([kmbt])?(?![a-z])", cell)
    if found is None:
        return None
    return float(found[1]) * (_SCALES[found[2]] if found[2] else 1.0) or None


def whole(text: str | None) -> int | None:
    """The same as a positive whole number."""
    value = number(text)
    return None if value is None or value < 1 else round(value)


def text_of(row: Row, *columns: str) -> str:
    """Cells in one lower-case string."""
    return " ".join(row.get(column) or "" for column in columns).lower()


def publisher(source: str) -> str:
    """Whose figures they are: releases, tables and pages of one publisher are one."""
    name = re.sub(r"\([^)]*\)", " ", source)
    name = re.sub(
        r"(?i)\b(table|figure|fig\.?|section|appendix|s)\s*\.?\s*\d[\w.]*|\babstract\b|\bperformance summary\b.*|"
        r"\bv?\d{2}\.\d{2}(\.\d+)*\b|\bv\d[\w.]*",
        " ",
        name,
    )
    name = re.sub(
        r"(?i)\b(readme|bench\w*|train_performance|(gpu )?memory test|leaderboard|paper|model card|tech\w* report|"
        r"(tpu )?v\d\w* configs|configs|topology search|performance|throughput|docs?|blog|quoted)\b",
        " ",
        name,
    )
    return " ".join(name.split()).strip(" :,-") or source


def precision(row: Row) -> Precision:
    """Of products: the narrowest that the cell names; bf16 where it names none."""
    cell = text_of(row, "precision")
    for pattern, found in (
        (r"fp4|float4|mxfp4|nvfp4", "fp4"),
        (r"fp8|float8|f8|e4m3", "fp8"),
        (r"bf16|bfloat", "bf16"),
        (r"fp16|half|float16|mixed", "fp16"),
        (r"tf32", "tf32"),
        (r"fp32|float32|32", "fp32"),
    ):
        if re.search(pattern, cell):
            return found  # type: ignore[return-value]
    return "bf16"


def numerics(row: Row, framework: str) -> Numerics:
    """As the usual recipe of such a precision and framework keeps weights and gradients.

    PyTorch's fully sharded data parallel keeps fp32 shards and casts (no second copy); fp16 in Megatron-LM of 2021/22
    keeps 16-bit gradients, bf16 fp32 ones (BigScience's chronicles).
    """
    compute = precision(row)
    cell = text_of(row, "precision", "notes")
    sharded = sharding(row)[0] == "zero3" and framework not in {"megatron", "deepspeed"}
    if compute == "fp32":
        return Numerics("fp32", "fp32", "fp32", False)
    if framework == "internevo":  # its own sharded optimiser: fp32 masters, gradients as the weights are
        return Numerics(compute, "bf16", "bf16", True)
    if sharded:
        reduced: Precision = "bf16" if "pure" in cell else "fp32"
        return Numerics(compute, "fp32", "fp32", False, reduced)
    if compute == "fp16" or re.match(r"fp16", text_of(row, "precision")):
        return Numerics("fp16", "fp16", "fp16", True)
    return Numerics(compute, "bf16", "fp32", True)


def recompute(row: Row) -> Recompute:
    """Which activations are computed again; none where the cell is silent."""
    cell = text_of(row, "recompute")
    if "selective" in cell or re.search(r"\bsac?\b|\bop\b|core.?att|\bpartial\b", cell):
        return "selective"
    if cell.strip() in _NOTHING or re.search(r"\b(no|false|off|0)\b", cell):
        return "none"
    return "full"


def optimiser(row: Row) -> Optimiser:
    """What updates the weights; AdamW where the cell is silent."""
    cell = text_of(row, "optimiser", "optimizer")
    for word, found in (
        ("galore", "galore"),
        ("muon", "muon"),
        ("8bit", "adamw8bit"),
        ("8-bit", "adamw8bit"),
        ("adafactor", "adafactor"),
        ("lion", "lion"),
        ("sgd", "sgd"),
    ):
        if word in cell:
            return found  # type: ignore[return-value]
    return "adamw"


class Sharded(NamedTuple):
    """What is divided, among how many (None: the whole group), and whether weights are gathered twice."""

    what: Sharding
    group: int | None = None
    reshard: bool = True


def sharding(row: Row, devices_per_node: int = 8) -> Sharded:
    """Of the data-parallel group. Gathering twice is the rule of full sharding unless a pipeline runs over it."""
    cell = text_of(row, "sharding")
    told = re.search(r"group\s*[=:]?\s*(-?\d+)", cell)
    group = int(told[1]) if told and int(told[1]) > 0 else None
    hybrid = re.search(r"hsdp|hybrid", cell) is not None
    if hybrid and group is None:
        group = devices_per_node
    if re.search(r"shard_grad_op|zero-?2.?fsdp|no.?reshard|reshard\w*\s*[=:]\s*(false|never|no)", cell):
        return Sharded("zero3", group, False)
    if re.search(r"fsdp|full_shard|zero[-_ ]?3|stage[-_ ]?3|hsdp|hybrid|fully", cell):
        piped = (whole(row.get("PP")) or 1) > 1
        return Sharded("zero3", group, not piped)
    if re.search(r"zero[-_ ]?2|stage[-_ ]?2", cell):
        return Sharded("zero2", group)
    if re.search(r"zero[-_ ]?1|stage[-_ ]?1|dist\w*[-_ ]?opt", cell):
        return Sharded("zero1", group)
    return Sharded("none")
