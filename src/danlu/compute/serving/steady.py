"""Requests in a running engine: how prompts and decoding share the devices.

Continuous batching (Yu et al., OSDI 2022, "Orca"): each pass gives every running request a token; waiting prompts join.
While a client decodes, the prompts of all others are computed too, so that over one of its turns the devices decode osl
passes and compute one prompt for each request that runs: turn = osl x pass + running x prompt.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from danlu.compute.serving.constants import ServingConstants
from danlu.compute.serving.forward import Pass, Work, forward
from danlu.compute.serving.question import Question


def decode_step(question: Question, batch: float, context: float, constants: ServingConstants) -> Pass:
    """One pass in which `batch` requests of an instance get a token; with stages, each holds a part of them."""
    decoding = max(batch / question.split.pp, min(batch, 1.0))
    return forward(question, Work(decoding, context), question.engine.launch, constants)


def decode_step_s(question: Question, batch: float, context: float, constants: ServingConstants) -> float:
    """Seconds of it, with the host's work on each token: half of it schedules and samples, half streams the token out.

    Attention groups have a host process each.
    """
    streamed = question.load.mode in {"closed", "open", "single"}
    work_s = 0.0 if question.engine.launch != "graph" else constants.token_s * (1.0 if streamed else 0.5)
    return decode_step(question, batch, context, constants).seconds + batch / question.split.dp * work_s


def prefill_s(
    question: Question, tokens: float, constants: ServingConstants, *, document: float | None = None
) -> float:
    """Seconds of a pass over `tokens` of prompts, alone on an instance's devices; longer ones go in chunks."""
    chunks = max(1, math.ceil(tokens / question.engine.chunk - 1e-9))
    work = Work(prompt=tokens / chunks, document=document or tokens, past=question.load.past)
    return chunks * forward(question, work, question.engine.prefill_launch, constants).seconds


@dataclass(frozen=True, slots=True)
class Steady:
    """An instance with `running` requests. step_s: a pass of decoding. prompt_s: what one more prompt takes from it.
    group: prompts that are computed in one pass. wait_s: from the prompt's arrival to its first token."""

    running: float
    step_s: float
    prompt_s: float
    group: float
    wait_s: float
    osl: float

    @property
    def token_s(self) -> float:
        """Between two tokens of a request, a mean over its answer."""
        return self.step_s + self.running * self.prompt_s / max(self.osl, 1.0)

    @property
    def turn_s(self) -> float:
        """Between two answers of one client."""
        return self.osl * self.step_s + self.running * self.prompt_s

    @property
    def requests_per_s(self) -> float:
        """Answers of the instance, by Little's law."""
        return self.running / self.turn_s


def steady(question: Question, running: float, constants: ServingConstants) -> Steady:
    """An instance in which `running` requests are always at work."""
    load = question.load
    osl = max(1.0, load.osl)
    step_s = decode_step_s(question, running, load.context, constants) / question.accepted
    room = max(1.0, question.engine.chunk / max(load.isl, 1.0))
    together = 1.0 if load.spread else (1 + min(room, running)) / 2  # equal answers end, and prompts come, in groups
    arriving = max(together, running / osl)
    group = min(arriving, running, room)
    pass_s = prefill_s(question, group * load.isl, constants, document=load.isl) if load.isl else 0.0
    if question.split.prefill_devices:
        return Steady(running, step_s, 0.0, group, pass_s, osl)
    if question.engine.admission == "mixed" and load.isl:
        pass_s = _mixed_s(question, running, group * load.isl, constants)
        return Steady(
            running, step_s, _more(pass_s, step_s) / group / question.split.pp, group, pass_s + step_s / 2, osl
        )
    return Steady(running, step_s, pass_s / group / question.split.pp, group, pass_s + step_s / 2, osl)


def _more(pass_s: float, step_s: float) -> float:
    """What a pass with prompts takes beyond one without."""
    return max(0.0, pass_s - step_s)


def _mixed_s(question: Question, running: float, prompt: float, constants: ServingConstants) -> float:
    """Passes that carry a prompt beside the running requests: the weights are read once for both."""
    load, chunks = question.load, max(1, math.ceil(prompt / question.engine.chunk - 1e-9))
    beside = max(running / question.split.pp, min(running, 1.0))
    work = Work(beside, load.context, prompt / chunks, load.isl, load.past)
    first_s = forward(question, work, question.engine.prefill_launch, constants).seconds
    step_s = decode_step_s(question, running, load.context, constants)
    return max(step_s, first_s) + (chunks - 1) * max(0.0, first_s - step_s)
