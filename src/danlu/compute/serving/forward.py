"""One pass of a model over new tokens, on the devices of one instance.

Roofline of each part (Williams et al. 2009; Pope et al. 2022, arXiv 2211.05102): matrices take the longer of reading
the weights and multiplying by them; attention reads the cache; each layer exchanges its activations; each kernel has a
start and a tail; a host that starts kernels one by one may be slower than the device.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from danlu.compute.catalogue.device import DEFAULT_REACH
from danlu.compute.serving.constants import ServingConstants
from danlu.compute.serving.engines import Launch
from danlu.compute.serving.question import Question, Split

_LINK_REACH = 0.7  # large messages over NVLink-class links reach 70-80% (nccl-tests)
_NETWORK_LATENCY = 4.0  # an all-reduce over the network takes several times one over NVLink
_GEFORCE_REACH = 1.1  # of matrix_reach, so that prompts come to 0.75 of the peak
_UNFUSED = 1.7  # kernels of plain modules for each of a serving engine's: a norm, a rotation are several operations
_HOST_LINK_BYTES_PER_S = 25e9  # devices without links of their own meet over PCIe


@dataclass(frozen=True, slots=True)
class Pass:
    """Seconds of a pass by cause; moves: of activations between products.

    The host's work and the device's overlap; arithmetic and reading do so where kernels are pipelined, and follow one
    another where few tokens meet weights that are unpacked by general code.
    """

    weights_s: float
    arithmetic_s: float
    moves_s: float
    attention_s: float
    exchange_s: float
    kernels_s: float
    host_s: float
    step_s: float
    pipelined: bool = True

    @property
    def products_s(self) -> float:
        """Of matrices."""
        if self.pipelined:
            return math.hypot(self.weights_s, self.arithmetic_s)  # overlap is good where one dwarfs the other
        return self.weights_s + self.arithmetic_s

    @property
    def device_s(self) -> float:
        """What the device needs."""
        return self.products_s + self.moves_s + self.attention_s + self.exchange_s + self.kernels_s

    @property
    def seconds(self) -> float:
        """Of the whole pass."""
        return max(self.device_s, self.host_s) + self.step_s


@dataclass(frozen=True, slots=True)
class Work:
    """What a pass carries: `decoding` requests with one new token each and `context` tokens behind them, and `prompt`
    tokens of prompts that are `document` long and stand on `past` tokens of context."""

    decoding: float = 0.0
    context: float = 0.0
    prompt: float = 0.0
    document: float = 0.0
    past: float = 0.0

    @property
    def tokens(self) -> float:
        """New tokens."""
        return self.decoding + self.prompt

    def groups(self, split: Split) -> float:
        """Attention groups that have a request to work on."""
        requests = self.decoding + self.prompt / max(self.document, 1.0)
        return min(float(split.dp), max(1.0, requests))


def forward(question: Question, work: Work, launch: Launch, constants: ServingConstants) -> Pass:
    """A pass of an instance, all its attention groups together."""
    layers = question.architecture.num_layers
    kernels = num_kernels(question, prompt=work.prompt > 0) * layers
    launched = 0.0 if launch != "python" else kernels
    if work.prompt and launched and question.engine.prompt_launches is not None:
        launched = min(launched, question.engine.prompt_launches * layers)
    tokens = work.tokens
    return Pass(
        weights_s=_weights_s(question, tokens, constants),
        arithmetic_s=_arithmetic_s(question, work, constants),
        moves_s=_moves_s(question, work, constants),
        attention_s=_cache_s(question, work, constants) + _attention_s(question, work),
        exchange_s=_exchange_s(question, tokens, constants),
        kernels_s=kernels * constants.kernel_s,
        host_s=launched * constants.launch_s,
        step_s=constants.step_s if question.engine.launch != "native" else 0.0,
        pipelined=question.engine.launch != "native" or work.prompt > 0,
    )


def num_kernels(question: Question, *, prompt: bool = False) -> float:
    """Kernels of a layer, a mean over layers, as engines fuse them: norms with additions, gate with up.

    Latent attention is unfolded for prompts, and a state's scan goes by chunks: both take many small kernels.
    """
    shape, fused = question.architecture, question.engine.fused
    states = shape.state_layers / shape.num_layers
    mixed = shape.expert_layers / shape.num_layers
    plain = 5.0 + (not fused) * 2 * shape.qk_norm
    attention = (20.0 if prompt else 8.0) if shape.latent else plain
    attention += states * ((20 if prompt else 8) - attention)
    mixture = (6 if fused else 9) + 3 * bool(shape.experts and shape.experts.shared_width)
    rounding = 3 if question.weights.compute in {"fp8", "fp4"} and not (question.weights.dequantised or fused) else 0
    kernels = attention + mixed * mixture + (1 - mixed) * 4 + rounding - fused
    return kernels * (_UNFUSED if question.engine.expands_cache else 1.0)


def touched_experts(count: int, active: int, tokens: float, popularity: float = math.inf) -> float:
    """Experts that at least one of the tokens takes, each token `active` of `count`.

    Routers prefer some: with an expert's share of the tokens distributed as Gamma of shape `popularity`, the number of
    its tokens is negative binomial, and none come with probability (1 + mean / shape) ^ -shape; alike where infinite.
    """
    mean = tokens * active / count
    missed = math.exp(-mean) if math.isinf(popularity) else (1 + mean / popularity) ** -popularity
    least = active * min(1.0, tokens)
    return min(float(count), max(least, count * (1 - missed)))


def weight_bytes(question: Question, tokens: float | None = None, popularity: float = math.inf) -> tuple[float, float]:
    """Bytes of the fullest device: (of matrices that every token meets, of experts) that a pass over `tokens` reads;
    with None, that rest in its memory, embedding included."""
    shape, split, form = question.architecture, question.split, question.weights
    routed = shape.routed_parameters
    others = form.weight_bytes if shape.experts is None else form.mixture_bytes or form.weight_bytes
    dense = (shape.layer_parameters - routed) * others / split.tp
    edges = shape.embedding_parameters if tokens is None else shape.head_parameters
    dense += edges * form.other_bytes / split.tp
    experts = routed * form.weight_bytes / split.width
    if tokens is None:
        return dense / split.pp + (shape.extra_parameters * form.other_bytes) / split.tp, experts / split.pp
    if shape.experts is None:
        return dense, 0.0
    touched = touched_experts(shape.experts.count, shape.experts.active, tokens, popularity)
    own = shape.experts.count / split.width
    here = touched / split.width
    if question.split.expert_parallel and split.width > 1:
        here = min(own, here + math.sqrt(2 * here * math.log(split.width)) * (1 - touched / shape.experts.count))
    return dense, experts * here / own


def _weights_s(question: Question, tokens: float, constants: ServingConstants) -> float:
    dense, experts = weight_bytes(question, tokens, constants.popularity)
    rate = question.cluster.device.memory_bytes_per_s * constants.weights_reach
    return (dense + experts) / rate


def _arithmetic_s(question: Question, work: Work, constants: ServingConstants) -> float:
    shape, tokens = question.architecture, work.tokens
    experts = shape.experts
    routed = shape.routed_parameters * experts.active / experts.count if experts else 0.0
    dense = shape.active_matrix_parameters - routed
    few = question.engine.launch == "native" and question.weights.widened(question.cluster.device) and not work.prompt
    if experts is not None and not few:  # a product of few rows costs as much as one of that many more
        met = touched_experts(experts.count, experts.active, tokens, constants.popularity)
        routed *= 1 + constants.expert_rows * met / max(tokens * experts.active, 1e-9)
    rate = _rate(question, constants) * (constants.thin_reach if few else 1.0)
    busy = question.split.tp * work.groups(question.split)
    return 2 * tokens * (dense / busy + routed / question.split.width) / rate


def _rate(question: Question, constants: ServingConstants) -> float:
    """FLOP/s of products. A precision that nobody measured reaches what the device's others do; a processor's reach is
    of a model's own products already, and Apple's GPUs had no matrix units to starve."""
    device = question.cluster.device
    used = question.weights.computes_in(device)
    reach = device.reach.get(used) or min(device.reach.values(), default=DEFAULT_REACH)
    if device.kind == "cpu":
        return device.peaks[used] * reach
    if device.vendor == "Apple":
        return device.peaks[used] * constants.matrix_reach
    if not device.reach and re.match(r"[GR]TX \d{4}", device.name):
        # GeForce sums in fp32 at half rate, which products reach nearly whole, and packed weights in integers at full
        # rate: ggml-org/llama.cpp PRs 7860 and 7921 measured 0.75 to 0.8 of the bf16 peak for prompts.
        return device.peaks[used] * _GEFORCE_REACH * constants.matrix_reach
    packed = question.engine.launch == "native" and question.weights.widened(device)
    general = constants.native_reach if packed else 1.0
    return device.peaks[used] * reach * constants.matrix_reach * general


def _moves_s(question: Question, work: Work, constants: ServingConstants) -> float:
    """Norms, additions, rotations, activations and roundings read and write the numbers between products.

    Devices that share a layer each handle the whole width of its stream, and a part of what is wider. Experts have
    their tokens copied to them and back: each device has its own experts' tokens, or a slice of every expert and all.
    """
    shape, split, experts = question.architecture, question.split, question.architecture.experts
    share = shape.expert_layers / shape.num_layers
    wide = 2.0 * (shape.query_width + shape.value_width) + 4.0 * shape.ffn_width * (1 - share)
    copies = 0.0
    if experts is not None:
        wide += share * 4 * experts.shared_width
        held = 1 / split.width if split.expert_parallel else 1.0
        copies = share * 4 * experts.active * (held * shape.width + experts.width / split.width)
    each = work.tokens / work.groups(split) * (12 * shape.width + wide / split.tp) + work.tokens * copies
    return 2 * shape.num_layers * each / (question.cluster.device.memory_bytes_per_s * constants.weights_reach)


def cache_share(question: Question) -> float:
    """Share of a token's cache on one device of a group: heads are divided as far as they go, a latent is not."""
    shape, tp = question.architecture, question.split.tp
    return 1.0 if shape.latent else 1 / min(tp, max(1, shape.num_kv_heads))


def _cache_s(question: Question, work: Work, constants: ServingConstants) -> float:
    held = question.architecture.kv_bytes(work.context, question.kv_bytes) * cache_share(question)
    read = work.decoding / min(float(question.split.dp), max(1.0, work.decoding)) * held
    if question.engine.expands_cache:  # read and write to append; read, widen, and read the wide one
        read *= 3 + 2 * question.architecture.num_heads / max(1, question.architecture.num_kv_heads)
    return read / (question.cluster.device.memory_bytes_per_s * constants.cache_reach)


def _attention_s(question: Question, work: Work) -> float:
    shape = question.architecture
    if work.prompt <= 0:
        return 0.0
    flops = shape.attention_flops(work.prompt, max(work.document, 1.0))
    if work.past:
        flops += shape.attention_flops(work.prompt, work.past, causal=False)
    busy = question.split.tp * work.groups(question.split)
    return flops / (busy * question.cluster.device.attention_flops_per_s)


def _exchange_s(question: Question, tokens: float, constants: ServingConstants) -> float:
    """Two all-reduces a layer between tp devices (arXiv 1909.08053), or tokens sent to their experts and back."""
    split, shape, cluster = question.split, question.architecture, question.cluster
    if split.width == 1:
        return 0.0
    linked = split.width <= max(cluster.link_domain, 1)
    between = cluster.device.link_bytes_per_s if linked else cluster.network_bytes_per_s
    rate = (between or _HOST_LINK_BYTES_PER_S) * _LINK_REACH
    fast = linked and (between or 0) >= 100e9
    latency = constants.collective_s * (1 if fast else _NETWORK_LATENCY)
    reduced = 2 * (split.tp - 1) / split.tp * (tokens / split.dp) * shape.width * 2
    sent = 0.0
    if split.dp > 1 and shape.experts is not None:
        copies = min(shape.experts.active, split.width)
        sent = tokens / split.width * copies * shape.width * 3 / 2  # there in one byte, back in two
    return 2 * shape.num_layers * (latency + (reduced + sent) / rate)
