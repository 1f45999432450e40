"""Rows of published serving measurements (time to first token, time per token, rates) as cases."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from danlu.compute.serving.engines import Engine, engine_of
from danlu.compute.serving.formats import FORMATS, Format, format_of
from danlu.compute.serving.memory import memory
from danlu.compute.serving.physics import contradiction
from danlu.compute.serving.question import Load, Mode, Question
from danlu.compute.validation.case import Case, Target
from danlu.compute.validation.serving_cells import (
    Row,
    accepted_of,
    is_gpt_oss,
    lengths,
    mode_of,
    native_format,
    number,
    split_of,
    spread_of,
)
from danlu.compute.validation.serving_subjects import architecture_of, cluster_of_row

HEADER = frozenset({"tpot_ms_mean", "ttft_ms_mean", "output_tokens_per_s_total", "isl", "osl", "mode"})
_UNJUDGED = {"quoted", "secondary", "analytic", "estimate", "estimated", "announced"}


def read(rows: Iterable[Row]) -> Iterator[Case]:
    """One case per figure; a row without a figure that we predict gives none."""
    for row in rows:
        figures = tuple(_figures(row))
        if not figures:
            continue
        for target, actual, median in figures:
            yield _case(row, target, actual, median=median)


def _case(row: Row, target: Target, actual: float, *, median: bool) -> Case:
    publisher = row.get("publisher") or row.get("source") or "unknown"
    mode = row.get("mode") or mode_of(row)
    try:
        question, missing = question_of(row, median=median)
    except (ValueError, ZeroDivisionError) as error:
        return Case(row.get("id") or "", target, publisher, actual, None, mode, reason=str(error))
    reason = _unjudged(row, question, missing, target, actual)
    return Case(row.get("id") or "", target, publisher, actual, question, mode, judges=not reason, reason=reason)


def _figures(row: Row) -> Iterator[tuple[Target, float, bool]]:
    """(target, its value in seconds or tokens a second, whether a median)."""
    rate = number(row.get("output_tokens_per_s_total"))
    if rate and mode_of(row) != "prefill":
        yield "throughput", rate, False
    for target, column in (("ttft", "ttft_ms"), ("tpot", "tpot_ms")):
        mean, middle = number(row.get(f"{column}_mean")), number(row.get(f"{column}_median"))
        if mean or middle:
            yield target, (mean or middle or 0.0) / 1000, not mean  # type: ignore[misc]
    prompts = number(row.get("input_tokens_per_s_total"))
    isl = number(row.get("isl"))
    if mode_of(row) == "prefill" and prompts and isl and not number(row.get("ttft_ms_mean")):
        yield "ttft", isl * (number(row.get("concurrency")) or 1) / prompts, False


def question_of(row: Row, *, median: bool = False) -> tuple[Question, tuple[str, ...]]:
    """The question that a row answers, and the names of settings that it leaves open. Raises RecipeError (a ValueError)
    where model or hardware cannot be told."""
    shape = architecture_of(row)
    cluster = cluster_of_row(row)
    named = format_of(row.get("precision") or "") or format_of(row.get("model") or "")
    built = "" if "dynamo" in (row.get("notes") or "") else row.get("engine_version") or ""
    engine = engine_of(row.get("engine") or "", built)
    form = _format(named, row.get("model") or "", engine)
    split, said = split_of(row, shape, form, cluster)
    missing = tuple(
        name
        for name, known in (("hardware", row.get("hardware")), ("precision", named), ("parallelism", said))
        if not known
    )
    notes = row.get("notes") or ""
    question = Question(
        architecture=shape,
        cluster=cluster,
        load=load_of(row, median=median),
        split=split,
        weights=form,
        kv_bytes=_kv_bytes(row, form, engine.name),
        engine=engine,
        accepted=accepted_of(notes) or 1.0,
        max_batch=_max_batch(notes),
    )
    return _roomier(question, row), missing


def _format(named: Format | None, model: str, engine: Engine) -> Format:
    """What is told, else the checkpoint's own; gpt-oss has its experts alone in four bits, whatever a table says."""
    form = named or native_format(model)
    if is_gpt_oss(model) and form.weight_bytes < 2:
        return FORMATS["mxfp4-gguf" if engine.launch == "native" else "mxfp4"]
    return form


def _kv_bytes(row: Row, form: Format, engine: str) -> float:
    """Of the cell; TensorRT-LLM's 8 and 4 bit checkpoints keep the cache in fp8, others in 16 bits."""
    said = format_of(row.get("kv_precision") or "")
    if said is not None:
        return min(2.0, said.weight_bytes)
    return FORMATS["fp8"].weight_bytes if engine.startswith("tensorrt-llm") and form.compute in {"fp8", "fp4"} else 2.0


def _roomier(question: Question, row: Row) -> Question:
    """With the cache in 8 bits, where nobody says how wide it is, the weights are narrow, and its clients fit only so:
    whoever measures a server gives it room for them."""
    clients = question.load.concurrency or 0
    if row.get("kv_precision") or question.weights.compute not in {"fp8", "fp4"} or question.load.mode != "closed":
        return question
    return replace(question, kv_bytes=1.0) if clients > memory(question).concurrency else question


def _max_batch(notes: str) -> int | None:
    found = re.search(r"max[-_ ]num[-_ ]seqs\D{0,4}(\d+)", notes.lower())
    return int(found.group(1)) if found else None


def load_of(row: Row, *, median: bool = False) -> Load:
    """Who comes with what."""
    mode, notes = mode_of(row), (row.get("notes") or "").lower()
    found = lengths(row)
    isl, osl = found if found else (0.0, 256.0)
    clients = number(row.get("concurrency"))
    past = (
        number((re.search(r"(?:@ d|on top of )(\d+)", notes) or [None, None])[1]) or 0.0 if mode == "prefill" else 0.0
    )
    rate = number(row.get("request_rate")) if not (row.get("request_rate") or "").startswith("inf") else float("inf")
    return Load(
        mode=mode,
        isl=max(isl, 1.0),
        osl=max(osl, 1.0),
        concurrency=clients if clients else (1.0 if mode in {"single", "decode", "prefill"} else None),
        rate=rate or None,
        prompts=number(row.get("num_prompts")),
        spread=spread_of(row),
        phase="phase rate" in notes or "decode-phase" in notes or "1/rate" in notes or "aggregate" in notes,
        median=median,
        past=past,
        limit_s=_limit_s(mode, notes),
    )


# MLPerf Inference v5.1, 99th percentile of time per token: mlcommons/inference, llm rules table.
_LIMITS = (("llama3.1-405b", 0.175, 0.08), ("deepseek-r1", 0.08, 0.08), ("", 0.2, 0.04))


def _limit_s(mode: Mode, notes: str) -> float | None:
    """What a bounded scenario allows between two tokens."""
    if ("mlperf" not in notes and "scenario" not in notes) or "scenario offline" in notes or mode == "single":
        return None
    server, interactive = next((s, i) for name, s, i in _LIMITS if name in notes)
    return interactive if "interactive" in notes else server


def _unjudged(row: Row, question: Question, missing: tuple[str, ...], target: Target, actual: float) -> str:
    """Why the figure cannot be held against a planner, "" where it can."""
    notes = (row.get("notes") or "").lower()
    status = (row.get("status") or "").lower()
    if status in _UNJUDGED:
        return f"status {status}"
    if accepted_of(notes) is None:
        return "speculative decoding without its accepted length"
    if "do not judge" in notes or "treat as an outlier" in notes:
        return "the source calls it an outlier"
    if missing:
        return f"{', '.join(missing)} not stated: a range check, not a measurement to predict"
    rates = [number(row.get("output_tokens_per_s_total")), number(row.get("tpot_ms_mean"))]
    return contradiction(question, target, actual, rates[0], (rates[1] or 0) / 1000 or None)
