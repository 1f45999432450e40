"""How long each stage takes: arithmetic, bytes moved and operations started, added up.

On a CPU the three do not overlap; on a GPU what the host starts overlaps with what the device computes, and the
longer of the two counts. Constants were measured on SmolLM2-135M with PyTorch 2.13 (docs/compute.md).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from danlu.compute.catalogue import Device, Precision
from danlu.compute.local.memory import activation_bytes_per_token, micro_batch
from danlu.compute.local.shapes import Flops, Shapes
from danlu.compute.local.workload import Questions, Scoring, Workload
from danlu.recipe import Training

StageName = Literal["base", "items", "data", "train", "evaluate", "report"]
STAGES: tuple[StageName, ...] = ("base", "items", "data", "train", "evaluate", "report")

# bytes that a step's element-wise operations move, for each byte that autograd keeps: compiled, or one after the other
_STEP_TRAFFIC = {"cpu": 6.0, "gpu": 12.0}
_FORWARD_TRAFFIC = 1.0  # the same of a forward pass alone
_LOGIT_TRAFFIC = {"cpu": 12.0, "gpu": 120.0}  # bytes moved for each logit of the loss, forward and backward
_OPTIMISER_TRAFFIC = 80.0  # bytes moved for each trained parameter by clipping and AdamW
_STEP_OPS, _FORWARD_OPS = 150, 40  # operations started for each layer and micro-batch
_CACHE_TRAFFIC = 5.0  # bytes that a decoding step moves for each byte of the cache: it is read, and scored in fp32
_SCORE_TRAFFIC = 60.0  # bytes moved for each score of a query and a key, masked and in fp32
_FORWARD_LOGIT_TRAFFIC = 16.0  # bytes moved for each logit that is only read
_DISK_BYTES_PER_S = 1e9
_START_S = 4.0  # importing torch, reading weights
_ROW_S = 0.004  # rendering, filtering and comparing one row of data
_CONVERT_BYTES_PER_S = 70e6  # from GGUF to bf16
_ITEMS_S, _REPORT_S = 8.0, 1.0


@dataclass(frozen=True, slots=True)
class Seconds:
    """Time by cause: matrix products, attention, bytes moved, operations started by the host."""

    products: float = 0.0
    attention: float = 0.0
    bytes: float = 0.0
    host: float = 0.0
    fixed: float = 0.0

    def plus(self, other: Seconds) -> Seconds:
        """Cause by cause."""
        return Seconds(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    def times(self, count: float) -> Seconds:
        """So many times as long."""
        return Seconds(*(count * getattr(self, name) for name in self.__slots__))

    def total(self, device: Device) -> float:
        """Seconds on that device."""
        busy = self.products + self.attention + self.bytes
        return self.fixed + (busy + self.host if device.kind == "cpu" else max(busy, self.host))

    def largest(self) -> str:
        """The cause that takes longest."""
        return max(self.__slots__, key=lambda name: float(getattr(self, name)))


@dataclass(frozen=True, slots=True)
class Steps:
    """Optimiser steps of a run. tokens and supervised: trained on in all; micro_batches: forward passes in all."""

    tokens: float
    supervised: float
    count: int
    micro_batches: int

    @classmethod
    def of(cls, training: Training, workload: Workload) -> Steps:
        """Whole packs, at most batch_tokens a step and at least one; a micro-batch is one pack or more of them."""
        tokens = workload.tokens * training.epochs
        tokens = tokens if training.max_tokens is None else min(tokens, float(training.max_tokens))
        pack = min(float(workload.max_length), max(tokens, 1.0))
        per_step = max(1, int(training.batch_tokens // pack)) * pack
        share = workload.supervised / max(workload.tokens, 1.0)
        micro = min(micro_batch(training, workload), per_step)
        return cls(tokens, tokens * share, max(1, math.ceil(tokens / per_step)), max(1, math.ceil(tokens / micro)))


def _work(device: Device, precision: Precision, flops: Flops, moved: float, ops: float) -> Seconds:
    return Seconds(
        products=flops.matrices / (device.reached_flops_per_s(precision)),
        attention=flops.attention / device.attention_flops_per_s,
        bytes=moved / device.memory_bytes_per_s,
        host=ops * device.op_s,
    )


def train(shapes: Shapes, training: Training, workload: Workload, device: Device) -> Seconds:
    """All steps, the rehearsal of one micro-batch (refusal 10), reading the base and writing the model."""
    steps = Steps.of(training, workload)
    micro = min(micro_batch(training, workload), steps.tokens)
    rehearsal = Steps(micro, micro * steps.supervised / steps.tokens, 1, 1)
    files = Seconds(fixed=2 * _START_S + 12.0 * shapes.num_parameters / _DISK_BYTES_PER_S)
    return (
        _take(shapes, training, steps, workload.document, device)
        .plus(_take(shapes, training, rehearsal, workload.document, device))
        .plus(files)
    )


def _take(shapes: Shapes, training: Training, steps: Steps, document: float, device: Device) -> Seconds:
    """Steps of an optimiser."""
    kept = shapes.num_layers * activation_bytes_per_token(shapes, training)
    moved = (
        _STEP_TRAFFIC[device.kind] * kept * steps.tokens
        + _LOGIT_TRAFFIC[device.kind] * shapes.vocab_size * steps.supervised
        + _OPTIMISER_TRAFFIC * shapes.trained_parameters(training) * steps.count
        + 6.0 * shapes.num_parameters * steps.micro_batches
    )
    flops = shapes.step(training, steps.tokens, document, steps.supervised)
    ops = _STEP_OPS * shapes.num_layers * steps.micro_batches
    return _work(device, training.precision, flops, moved, ops)


def evaluate(shapes: Shapes, precision: Precision, workload: Workload, device: Device) -> Seconds:
    """Replies and scores of every arm; both models are read from disk."""
    seconds = Seconds(fixed=2 * _START_S)
    for questions in workload.questions:
        seconds = seconds.plus(_answer(shapes, precision, questions, workload.batch, device).times(questions.arms))
    for scoring in workload.scoring:
        seconds = seconds.plus(_score(shapes, precision, scoring, workload.batch, device).times(scoring.arms))
    return seconds


def _answer(shapes: Shapes, precision: Precision, questions: Questions, batch: int, device: Device) -> Seconds:
    """Prompts are read once; then each step decodes one token of every reply, and reads weights and cache."""
    batches = math.ceil(questions.count / batch)
    together = questions.count / batches
    prompts = _Pass(
        tokens=questions.count * (questions.prompt - questions.shared) + batches * questions.shared,
        context=questions.prompt,
        head=questions.count,
        count=batches,
    )
    context = questions.prompt + questions.new_tokens / 2
    weights = shapes.layer_matrix_parameters + shapes.head_parameters
    wide = 1 if precision == "bf16" else 2
    read = wide * (2.0 * weights + _CACHE_TRAFFIC * together * context * shapes.kv_bytes_per_token)
    step = Seconds(
        products=2.0 * weights * together / (device.reached_flops_per_s(precision)),
        bytes=read / device.memory_bytes_per_s,
        host=_FORWARD_OPS * shapes.num_layers * device.op_s,
    )
    return _forward(shapes, precision, prompts, device).plus(step.times(batches * questions.new_tokens))


def _score(shapes: Shapes, precision: Precision, scoring: Scoring, batch: int, device: Device) -> Seconds:
    passes = _Pass(
        tokens=scoring.count * scoring.tokens,
        context=scoring.tokens,
        head=scoring.count * scoring.continuation,
        count=math.ceil(scoring.count / batch),
    )
    return _forward(shapes, precision, passes, device)


@dataclass(frozen=True, slots=True)
class _Pass:
    """`count` forward passes over `tokens` in all, which see `context` keys each; `head` of them get logits."""

    tokens: float
    context: float
    head: float
    count: int


def _forward(shapes: Shapes, precision: Precision, passes: _Pass, device: Device) -> Seconds:
    """Inference pads to one length and masks, so every key is computed; its scores are held in fp32."""
    scores = shapes.num_layers * shapes.num_heads * passes.context * passes.tokens
    flops = Flops(
        matrices=2 * (shapes.layer_matrix_parameters * passes.tokens + shapes.head_parameters * passes.head),
        attention=4 * shapes.head_width * scores,
    )
    moved = (
        _FORWARD_TRAFFIC * shapes.num_layers * (12 * shapes.width + 8 * shapes.ffn_width) * passes.tokens
        + _SCORE_TRAFFIC * scores
        + _FORWARD_LOGIT_TRAFFIC * shapes.vocab_size * passes.head
    )
    return _work(device, precision, flops, moved, _FORWARD_OPS * shapes.num_layers * passes.count)


def other_stages(shapes: Shapes, workload: Workload) -> Mapping[StageName, float]:
    """Stages that no model is run in."""
    return {
        "base": 1.0 + 2.0 * shapes.num_parameters / _CONVERT_BYTES_PER_S,
        "items": _ITEMS_S,
        "data": 1.5 + _ROW_S * workload.rows,
        "report": _REPORT_S,
    }
