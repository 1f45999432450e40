"""What a deployment does under a load, with intervals, its bottleneck and its price."""

from __future__ import annotations

from dataclasses import dataclass

from danlu.compute.estimate import Estimate
from danlu.compute.serving.constants import SERVING, ServingConstants
from danlu.compute.serving.forward import Pass
from danlu.compute.serving.intervals import ServingTarget, sigma
from danlu.compute.serving.memory import ServingMemory, memory
from danlu.compute.serving.question import Question
from danlu.compute.serving.steady import decode_step, steady
from danlu.compute.serving.timing import Timing, timing


@dataclass(frozen=True, slots=True)
class Serving:
    """The answer. ttft, tpot: seconds of a request. throughput: output tokens a second of the deployment, and
    device_throughput of one of its devices. running: requests that decode together; concurrency: that would fit.
    price: USD for a million output tokens, where the price of a device's hour is given. saturated: requests arrive
    faster than they leave."""

    ttft: Estimate
    tpot: Estimate
    throughput: Estimate
    device_throughput: Estimate
    running: float
    concurrency: float
    memory: ServingMemory
    step: Pass
    bottleneck: str
    price: Estimate | None
    saturated: bool


def serve(
    question: Question, constants: ServingConstants = SERVING, *, usd_per_device_h: float | None = None
) -> Serving:
    """Everything at once."""
    found, held = timing(question, constants), memory(question)
    devices = question.split.num_devices + question.split.prefill_devices * question.split.replicas
    rate = _estimate("throughput", found.tokens_per_s, question)
    each = found.running / question.split.replicas
    step = decode_step(question, each, question.load.context, constants)
    return Serving(
        ttft=_estimate("ttft", found.ttft_s, question),
        tpot=_estimate("tpot", found.tpot_s, question),
        throughput=rate,
        device_throughput=Estimate(rate.value / devices, rate.low / devices, rate.high / devices),
        running=found.running,
        concurrency=held.concurrency,
        memory=held,
        step=step,
        bottleneck=bottleneck(question, found, step, constants),
        price=None if usd_per_device_h is None else _price(rate, usd_per_device_h * devices),
        saturated=found.saturated,
    )


def throughput(question: Question, constants: ServingConstants = SERVING) -> Estimate:
    """Output tokens a second of the whole deployment."""
    return _estimate("throughput", timing(question, constants).tokens_per_s, question)


def ttft(question: Question, constants: ServingConstants = SERVING) -> Estimate:
    """Seconds to the first token."""
    return _estimate("ttft", timing(question, constants).ttft_s, question)


def tpot(question: Question, constants: ServingConstants = SERVING) -> Estimate:
    """Seconds for each further token."""
    return _estimate("tpot", timing(question, constants).tpot_s, question)


def _estimate(target: ServingTarget, value: float, question: Question) -> Estimate:
    return Estimate.of(value, sigma(target, question))


def _price(rate: Estimate, usd_per_h: float) -> Estimate:
    """USD for a million tokens of a deployment that costs so much an hour: a fast one is a cheap one."""
    per_million = usd_per_h * 1e6 / 3600
    return Estimate(per_million / rate.value, per_million / rate.high, per_million / rate.low)


def bottleneck(question: Question, found: Timing, step: Pass, constants: ServingConstants) -> str:
    """The largest cause of a token's time, in a sentence, with its share."""
    state = steady(question, max(1.0, found.running / question.split.replicas), constants)
    prompts_s = state.running * state.prompt_s / state.osl
    causes = {
        "reading the weights from memory": step.weights_s if step.weights_s >= step.arithmetic_s else 0.0,
        "arithmetic": step.arithmetic_s if step.arithmetic_s > step.weights_s else 0.0,
        "reading the cache of keys and values": step.attention_s,
        "moving activations": step.moves_s,
        "exchange between devices": step.exchange_s,
        "starting kernels": max(step.kernels_s, step.host_s - step.device_s + step.kernels_s),
        "the scheduler": step.step_s,
        "the prompts of other requests": prompts_s if found.running > 1 else 0.0,
    }
    name, seconds = max(causes.items(), key=lambda cause: cause[1])
    whole = max(sum(causes.values()), 1e-12)
    room = memory(question)
    sentence = f"The bottleneck is {name}: {seconds / whole:.0%} of the time of a token ({whole * 1e3:.1f} ms)."
    if not room.fits:
        return (
            f"The weights ({room.weights / 1e9:.0f} GB a device) do not fit in {room.usable / 1e9:.0f} GB. {sentence}"
        )
    if found.saturated:
        return f"{sentence} More requests arrive than leave: the queue grows for as long as the load lasts."
    return sentence
