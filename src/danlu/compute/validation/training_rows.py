"""Published training runs as cases: how long a step took, and what the fullest device held.

Formulas that give seconds back from a printed rate: Narayanan et al. 2021, arXiv 2104.04473, equation 3 (products that
the hardware did, recomputed ones included); Chowdhery et al. 2022, arXiv 2204.02311, appendix B (6N + 12LHQT).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator

from danlu.compute.architecture import Architecture
from danlu.compute.catalogue import Cluster
from danlu.compute.job import Batch, Job, Layout
from danlu.compute.job.layout import Schedule
from danlu.compute.validation.case import Case
from danlu.compute.validation.training_cells import (
    Row,
    Sharded,
    number,
    numerics,
    optimiser,
    publisher,
    recompute,
    sharding,
    text_of,
    whole,
)
from danlu.compute.validation.training_hardware import cluster
from danlu.compute.validation.training_shapes import architecture
from danlu.compute.validation.training_software import software

HEADER: frozenset[str] = frozenset(
    {"id", "source", "model", "seq_len", "global_batch_seqs", "hardware", "n_gpus", "TP", "PP", "tokens_per_s_per_gpu"}
)
_BATCH_TOKENS = 4e6  # of a step, where nobody told: what large runs of 2021 to 2025 mostly took
_MICRO_TOKENS = 8192  # of a micro-batch, where nobody told
# Of a whole run's published hours so much are steps: Llama 3 (arXiv 2407.21783, 3.3.4) had "higher than 90%" of its
# time beside interruptions, and hours also hold slow nodes, evaluations and what was thrown away.
_WHOLE_RUN = 0.82
_SMALL = 1.5e9  # parameters up to which nobody needs more than data parallelism
_RATES = ("step_time_s", "tokens_per_s_per_gpu", "tflops_per_gpu", "gpu_hours", "days")
_NOT_MEASURED = re.compile(r"analytic|estimate|computes this figure|not a measurement|simulat|projected")
_QUOTED = re.compile(r"secondary|quoted")


def read(rows: Iterable[Row]) -> Iterator[Case]:
    """One case for each figure of each row; a row without a figure (it ran out of memory, say) gives none."""
    for number_, row in enumerate(rows, start=1):
        name = row.get("id") or f"row {number_}"
        job, reason = question(row)
        aside = _aside(row)
        whose = publisher(row.get("source") or "")
        rated = any((row.get(column) or "").strip() for column in _RATES)
        seconds = None if job is None else step_seconds(row, job)
        if seconds is not None and job is not None:
            why = aside or _impossible(job, seconds)
            yield Case(name, "step_time", whose, seconds, job, judges=not why, reason=why)
        elif rated and job is None:
            told = number(row.get("step_time_s"))
            yield Case(name, "step_time", whose, told or math.nan, None, judges=not aside, reason=aside or reason)
        elif rated:
            reason = "its rate cannot be turned into seconds: tokens or devices are not told"
            yield Case(name, "step_time", whose, math.nan, None, judges=False, reason=aside or reason)
        held = memory_bytes(row)
        if held is not None:
            yield Case(name, "memory", whose, held, job, judges=not aside, reason=aside or ("" if job else reason))


def _aside(row: Row) -> str:
    """Why the row's figures do not judge, "" where they do."""
    words = text_of(row, "status", "source", "notes")
    if _NOT_MEASURED.search(words):
        return "computed by its source, not measured"
    if _QUOTED.search(words):
        return "quoted by another text"
    return "its best, not its mean" if "up to" in words else ""


def _impossible(job: Job, seconds: float) -> str:
    """Why no machine can have been so fast, "" where it can or where the model is a guess."""
    if "architecture from its size" in job.guesses:
        return ""
    flops = 3 * job.architecture.forward_flops(job.tokens_per_step, job.batch.seq_len)
    peak = job.cluster.device.flops_per_s(job.numerics.compute) * job.cluster.num_devices
    if flops / seconds > peak:
        return "contradicts physics: more products a second than the devices' peak"
    return ""


def question(row: Row) -> tuple[Job | None, str]:
    """The row as a job, or None and why not."""
    machines, guessed = cluster(row)
    if machines is None:
        return None, f"hardware {row.get('hardware', '')!r} is not in the catalogue"
    shape, guessed_shape = architecture(row)
    if shape is None:
        return None, f"model {row.get('model', '')!r} is not known, and the row tells neither its shape nor its size"
    carried = software(row, machines.device)
    layout, guessed_layout = _layout(row, machines, shape, carried.framework)
    batch, guessed_batch = _batch(row, layout, carried.framework)
    return Job(
        architecture=shape,
        cluster=machines,
        batch=batch,
        layout=layout,
        numerics=numerics(row, carried.framework),
        recompute=recompute(row),
        optimiser=optimiser(row),
        software=carried,
        guesses=(*guessed, *guessed_shape, *guessed_layout, *guessed_batch),
        goodput=1.0 if any((row.get(column) or "").strip() for column in _RATES[:3]) else _WHOLE_RUN,
    ), ""


def _layout(row: Row, machines: Cluster, shape: Architecture, framework: str) -> tuple[Layout, tuple[str, ...]]:
    tp, pp, cp = (whole(row.get(axis)) for axis in ("TP", "PP", "CP"))
    shard = sharding(row, machines.devices_per_node)
    untold = tp is None and pp is None and shape.num_parameters > _SMALL and machines.num_devices > 1
    if untold and shard.what == "none":
        shard = Sharded("zero3")  # the simplest layout that holds a large model
    elif tp is None and pp is None and framework == "nanochat":
        shard = Sharded("zero1")
    if untold:
        tp = _needed_tp(row, machines)
    tp, pp, cp = tp or 1, pp or 1, cp or 1
    virtual = whole(row.get("VPP")) or 1
    notes = text_of(row, "notes", "sharding")
    if virtual == 1 and pp > 1 and "interleaved" in notes:
        virtual = 2
    return Layout(
        dp=max(1, machines.num_devices // (tp * pp * cp)),
        tp=tp,
        pp=pp,
        cp=cp,
        ep=whole(row.get("EP")) or 1,
        sharding=shard.what,
        shard_group=shard.group,
        reshard=shard.reshard,
        sequence_parallel="seqpar" in text_of(row, "recompute") or framework in {"megatron", "torchtitan"},
        virtual_stages=virtual,
        schedule=_schedule(notes, virtual),
        offload="offload" in notes,
    ), ("layout",) if untold else ()


def _schedule(notes: str, virtual: int) -> Schedule:
    if "dualpipe" in notes:
        return "dualpipe"
    if re.search(r"zero.?bubble|\bzb", notes):
        return "zero-bubble"
    return "interleaved" if virtual > 1 else "1f1b"


def _needed_tp(row: Row, machines: Cluster) -> int:
    """Tensor parallelism without which some device would have no sequence: a power of two in a link domain."""
    sequences = whole(row.get("global_batch_seqs")) or machines.num_devices
    tp = 1
    while machines.num_devices > sequences * tp and 2 * tp <= machines.link_domain:
        tp *= 2
    return tp


def _batch(row: Row, layout: Layout, framework: str) -> tuple[Batch, tuple[str, ...]]:
    guesses: list[str] = []
    seq_len, micro = _length(row.get("seq_len") or ""), whole(row.get("micro_batch"))
    sequences = _sequences(row.get("global_batch_seqs") or "", seq_len or 2048)
    if seq_len is None:
        guesses.append("sequence length")
        seq_len = 2048
    if sequences is None:
        told = re.search(r"(?:micro_num|ga|grad\w* acc\w*)\D{0,3}(\d+)", text_of(row, "notes"))
        one = layout.dp * (micro or max(1, _MICRO_TOKENS // seq_len))
        if told and micro:
            sequences = int(told[1]) * one
        else:
            guesses.append("batch")
            sequences = one * max(1, round(_BATCH_TOKENS / seq_len / one))
    rows = max(1, sequences // layout.dp)
    if micro is None:
        guesses.append("micro-batch")
        micro = _micro(rows, seq_len, layout, framework)
    return Batch(seq_len, max(sequences, layout.dp), min(micro, rows)), tuple(guesses)


def _length(cell: str) -> int | None:
    """Tokens of a sequence: 8k is 8,192."""
    thousands = re.match(r"\s*(\d+)\s*[kK]\b", cell)
    return int(thousands[1]) * 1024 if thousands else whole(cell)


def _sequences(cell: str, seq_len: int) -> int | None:
    """Sequences of a step; a cell of millions, or that says so, counts tokens."""
    told = number(cell)
    if told is None or told < 1:
        return None
    return max(1, round(told / seq_len)) if "tok" in cell.lower() or told >= 100_000 else round(told)


def _micro(rows: int, seq_len: int, layout: Layout, framework: str) -> int:
    """Sequences of a micro-batch that nobody told.

    torchtitan of 2024 splits a rank's batch into as many micro-batches as there are stages
    (`pipeline_parallel_microbatches`); others fill a device with some thousand tokens, one sequence in a pipeline.
    """
    if layout.pp > 1:
        return max(1, rows // layout.pp) if framework == "torchtitan" else 1
    limit = min(rows, max(1, _MICRO_TOKENS // seq_len))
    return next((size for size in range(limit, limit // 2, -1) if rows % size == 0), limit)


def step_seconds(row: Row, job: Job) -> float | None:
    """Seconds of an optimiser step, told or from the rate that the row prints; None without either."""
    told = number(row.get("step_time_s"))
    if told is not None:
        return told
    rate = number(row.get("tokens_per_s_per_gpu"))
    devices = job.cluster.num_devices
    if rate is None:
        flops = number(row.get("tflops_per_gpu"))
        if flops is not None:
            rate = flops * 1e12 / flops_per_token(row, job)
    if rate is None:
        total, hours, days = (number(row.get(column)) for column in ("total_tokens", "gpu_hours", "days"))
        if total is None or (hours is None and (days is None or "number of devices" in job.guesses)):
            return None
        rate = total / (hours * 3600 if hours is not None else (days or math.nan) * 86_400 * devices)
    return job.tokens_per_step / (rate * devices)


def flops_per_token(row: Row, job: Job) -> float:
    """Of forward and backward pass as the row's convention counts them."""
    convention = text_of(row, "flops_convention")
    shape, seq_len = job.architecture, job.batch.seq_len
    layers, width = shape.num_layers, shape.width
    again = 1 if job.recompute == "full" and ("recompute" in convention or "hardware" in convention) else 0
    if "96bs" in convention or "hardware" in convention or "narayanan" in convention:
        if "8pd" in convention:
            return (6 + 2 * again) * shape.num_parameters
        whole_model = 12 * layers * width**2 * (1 + seq_len / (6 * width) + shape.vocab_size / (16 * layers * width))
        return (6 + 2 * again) * whole_model
    widths = shape.query_width + shape.value_width
    if "causal" in convention:
        products = shape.active_matrix_parameters + shape.head_parameters
        return 6 * products + 3 * shape.attention_flops(1, seq_len, causal=True)
    attention = 6 * layers * widths * seq_len
    return 6 * shape.active_parameters + (0 if "no attention" in convention else attention)


def memory_bytes(row: Row) -> float | None:
    """On the fullest device. PyTorch's counters and nvidia-smi count 2^30 as a GB; 10^9 where the row says so."""
    told = number(row.get("memory_gb_per_gpu"))
    if told is None:
        return None
    return told * (1e9 if re.search(r"1e9|10\^9|decimal gb", text_of(row, "notes")) else 2**30)
