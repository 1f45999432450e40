"""Latencies and rates under each kind of load, as plain numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from danlu.compute.serving.constants import ServingConstants
from danlu.compute.serving.memory import memory
from danlu.compute.serving.question import Question
from danlu.compute.serving.steady import decode_step_s, prefill_s, steady

_WAVES = 10.0  # requests a client sends where nobody says: benchmarks' usual choice


@dataclass(frozen=True, slots=True)
class Timing:
    """ttft_s, tpot_s: of one request. tokens_per_s: of the whole deployment. running: requests that decode together,
    all replicas. saturated: more arrives than leaves, so that the queue grows for as long as the load lasts."""

    ttft_s: float
    tpot_s: float
    tokens_per_s: float
    running: float
    saturated: bool = False


def timing(question: Question, constants: ServingConstants) -> Timing:
    """Of the question's load."""
    mode = question.load.mode
    if mode in {"decode", "prefill"}:
        return _phase(question, constants)
    if mode == "single" or (mode == "closed" and (question.load.concurrency or 1) <= 1):
        return _single(question, constants)
    if mode == "closed":
        return _closed(question, constants)
    if mode == "open" and question.load.rate is not None and math.isfinite(question.load.rate):
        return _open(question, question.load.rate, constants)
    return _offline(question, constants)


def _arrival_s(question: Question, constants: ServingConstants) -> float:
    served = question.engine.launch == "graph" and question.load.mode != "prefill"
    return constants.arrival_s if served else 0.0


def _phase(question: Question, constants: ServingConstants) -> Timing:
    load, batch = question.load, question.load.concurrency or 1.0
    each = batch / question.split.replicas
    context = load.context if load.mode == "decode" else load.past
    tpot_s = decode_step_s(question, each, context, constants) / question.accepted
    ttft_s = prefill_s(question, each * load.isl, constants, document=load.isl) if load.isl else 0.0
    rate = batch / tpot_s if load.mode == "decode" else batch * load.isl / max(ttft_s, 1e-9)
    return Timing(ttft_s, tpot_s, rate, batch)


def _single(question: Question, constants: ServingConstants) -> Timing:
    load = question.load
    tpot_s = decode_step_s(question, 1.0, load.context, constants) / question.accepted
    ttft_s = prefill_s(question, load.isl, constants) if load.isl else 0.0
    ttft_s += _arrival_s(question, constants)
    whole_s = ttft_s + max(0.0, load.osl - 1) * tpot_s
    rate = 1 / tpot_s if load.phase or load.osl <= 1 else load.osl / whole_s
    return Timing(ttft_s, tpot_s, rate, 1.0)


def capacity(question: Question) -> float:
    """Requests of one replica that decode together: what the cache holds and the engine, or who set it up, allows.

    Where not even the weights fit by our account, a part of them rests elsewhere; then the engine alone decides.
    """
    most = float(question.max_batch or question.engine.max_batch * question.split.dp)
    if question.load.mode == "offline" and question.load.concurrency:
        most = max(most, question.load.concurrency / question.split.replicas)
    fit = memory(question).concurrency / question.split.replicas
    return max(1.0, min(fit, most)) if fit >= 1 else most


def bounded(question: Question, most: float, constants: ServingConstants) -> float:
    """As many of them as keep the load's limit on the time per token."""
    limit = question.load.limit_s
    if limit is None or steady(question, most, constants).token_s <= limit:
        return most
    low, high = 1.0, most
    for _ in range(30):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if steady(question, middle, constants).token_s <= limit else (low, middle)
    return low


def _closed(question: Question, constants: ServingConstants) -> Timing:
    load, replicas = question.load, question.split.replicas
    clients = max(1.0, (load.concurrency or 1.0) / replicas)
    if question.engine.admission == "alone":
        return _one_by_one(question, clients, constants)
    waves = max(1.0, load.prompts / (clients * replicas)) if load.prompts else _WAVES
    running = min(clients, capacity(question))
    state = steady(question, running, constants)
    queued_s = max(0.0, clients - running) / state.requests_per_s
    burst_s = burst_wait_s(question, running, constants)
    # Equal answers of an engine that lets prompts in first end together: the burst returns, until noise parts it.
    bunched = max(1 / waves, 0.0 if load.spread or question.engine.admission != "first" else 0.5)
    if load.median and bunched < 0.5:
        bunched = 0.0
    wait_s = state.wait_s * (1 + _queue(state.running * state.prompt_s / state.turn_s) if load.spread else 1)
    ttft_s = queued_s + bunched * burst_s + (1 - bunched) * wait_s + _arrival_s(question, constants)
    rate = state.requests_per_s * load.osl * replicas * _filled(waves, load.spread)
    return Timing(ttft_s, state.token_s, rate, running * replicas)


def burst_wait_s(question: Question, running: float, constants: ServingConstants) -> float:
    """Mean wait for a first token where `running` prompts come at once: they are computed in full passes."""
    load = question.load
    room = max(1.0, question.engine.chunk / max(load.isl, 1.0))
    passes = max(1.0, running / room)
    pass_s = prefill_s(question, min(room, running) * load.isl, constants, document=load.isl)
    devices = question.split.prefill_devices / (question.split.width * question.split.pp)
    return (passes + 1) / 2 * pass_s / max(1.0, devices)


def _filled(waves: float, spread: float) -> float:
    """Mean share of the clients at work over a run: at its end those with short answers leave first."""
    idle = 0.8 * spread if waves > 1 else 0.5 * spread
    return waves / (waves + idle)


def _one_by_one(question: Question, clients: float, constants: ServingConstants) -> Timing:
    alone = _single(question, constants)
    whole_s = alone.ttft_s + max(0.0, question.load.osl - 1) * alone.tpot_s
    return Timing(alone.ttft_s + (clients - 1) * whole_s, alone.tpot_s, alone.tokens_per_s, 1.0, saturated=clients > 1)


def _open(question: Question, rate: float, constants: ServingConstants) -> Timing:
    """Poisson arrivals: the number at work is rate x latency (Little); a prompt waits as in an M/D/1 queue."""
    load, replicas = question.load, question.split.replicas
    each, most = rate / replicas, capacity(question)
    best = steady(question, most, constants)
    prompts = load.prompts or 1000.0
    if each >= best.requests_per_s:
        last_s = prompts / (best.requests_per_s * replicas)
        queued_s = max(0.0, (last_s - prompts / rate) / 2)
        rate_out = best.requests_per_s * replicas * load.osl
        return Timing(queued_s + best.wait_s, best.token_s, rate_out, most * replicas, saturated=True)
    low, high = 0.01, most
    for _ in range(40):
        middle = math.sqrt(low * high)
        low, high = (
            (middle, high)
            if steady(question, max(middle, 1.0), constants).requests_per_s * min(1.0, middle) < each
            else (low, middle)
        )
    state = steady(question, max(1.0, high), constants)
    ttft_s = state.wait_s * (1 + _queue(each * state.prompt_s)) + _arrival_s(question, constants)
    spent_s = prompts / rate + ttft_s + load.osl * state.token_s
    return Timing(ttft_s, state.token_s, prompts * load.osl / spent_s, high * replicas)


def _queue(busy: float) -> float:
    """Mean wait for a server with constant service, in service times (M/D/1: Pollaczek and Khinchine)."""
    busy = min(0.95, max(0.0, busy))
    return busy / (2 * (1 - busy))


def _offline(question: Question, constants: ServingConstants) -> Timing:
    load, replicas = question.load, question.split.replicas
    most = bounded(question, capacity(question), constants)
    asked = load.concurrency / replicas if load.concurrency else load.prompts / replicas if load.prompts else most
    running = max(1.0, asked if load.concurrency else min(asked, most))
    if load.concurrency and load.mode == "offline" and (load.phase or running <= most):
        return _static(question, running, constants)
    state = steady(question, min(running, most), constants)
    waves = max(1.0, load.prompts / (running * replicas)) if load.prompts else _WAVES
    total_s = waves * state.turn_s / _filled(waves, load.spread)
    rate = state.requests_per_s * load.osl * replicas * _filled(waves, load.spread)
    if load.prompts and not load.spread and waves > 1:
        last = steady(question, max(1.0, (waves % 1) * running), constants)
        total_s = math.floor(waves) * state.turn_s + (last.turn_s if waves % 1 else 0.0)
        rate = load.prompts * load.osl / total_s
    ttft_s = (total_s - state.osl * state.token_s) / 2
    if waves <= 1.5 or load.mode == "closed" or not load.prompts:  # no queue, or none that anyone tells of
        ttft_s = burst_wait_s(question, running, constants)
    if load.mode == "open" and load.rate is None:  # a rate that nobody tells is one that is kept up with
        ttft_s = state.wait_s + _arrival_s(question, constants)
    return Timing(max(state.wait_s, ttft_s), state.token_s, rate, state.running * replicas)


def _static(question: Question, batch: float, constants: ServingConstants) -> Timing:
    load = question.load
    step_s = decode_step_s(question, batch, load.context, constants) / question.accepted
    prompt_s = prefill_s(question, batch * load.isl, constants, document=load.isl) if load.isl else 0.0
    prompt_s /= question.split.pp
    whole_s = step_s * load.osl if load.phase else prompt_s + step_s * load.osl
    return Timing(prompt_s, step_s, batch * load.osl * question.split.replicas / whole_s, batch)
