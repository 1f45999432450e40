"""How long an evaluation takes: engines, prompts that are read, replies that are decoded, texts that are scored.

Constants were measured on SmolLM2-135M with PyTorch 2.13 (docs/compute.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from danlu.compute.architecture import Architecture
from danlu.compute.catalogue import Device, Precision
from danlu.compute.local.seconds import Part, Seconds
from danlu.compute.local.seconds import work as timed
from danlu.compute.local.work import Flops
from danlu.compute.local.workload import Questions, Replies, Scoring, Workload

_FORWARD_TRAFFIC = 1.0  # bytes that a forward pass moves for each byte that autograd would keep
_FORWARD_OPS, _DECODE_OPS = 40, 100  # operations started for each layer and pass, and decoding step
_PACKED, _PACKED_ROWS = 0.93, 0.65  # time of products with weights laid out once: of a pass, of a few rows
_CACHE_TRAFFIC = 2.2  # bytes that a decoding step moves for each byte of the cache: it is read, and scored in fp32
_SCORE_TRAFFIC = 22.0  # bytes moved for each score of a query and a key, masked and in fp32
_SCORE_PRODUCTS = 0.4  # time of a score's products, batched and without gradient, by that of attention in training
_BLOCK = 64  # positions: a prompt is read by so many, each of which sees all of its own block
_FORWARD_LOGIT_TRAFFIC = 16.0  # bytes moved for each logit that is only read
_ENGINE_BYTES_PER_S = 500e6  # a checkpoint read, and its weights laid out for decoding
_ZSTD_BYTES_PER_S = 1.3e6  # level 19 over a few megabytes, on one thread
_ZSTD_PASSES = 9  # the training text alone, and with each group of documents
_NGRAM_S_PER_BYTE = 4.3e-6  # counting n-grams of all orders, and choosing one


@dataclass(frozen=True, slots=True)
class _Pass:
    """`count` forward passes over `tokens` in all, which are compared with `context` keys each; `head` get logits."""

    tokens: float
    context: float
    head: float
    count: int


def evaluate(model: Architecture, precision: Precision, workload: Workload, device: Device) -> tuple[Part, ...]:
    """Replies and scores of every arm. Each arm's engine is read from disk; a fresh base has no engine."""
    reading = decoding = Seconds()
    for questions in workload.questions:
        reading = reading.plus(read(model, precision, questions, workload.batch, device).times(questions.arms))
        for replies in questions.answered:
            work = Decoding.of(questions, replies, workload.batch)
            decoding = decoding.plus(decode(model, precision, work, device))
    arms = 2 if workload.text_bytes is None else 1
    parts = [
        Part.fixed("engines", "evaluate", arms * engine(model)),
        Part("read", "evaluate", reading),
        Part("decode", "evaluate", decoding),
    ]
    for texts in workload.scoring:
        scored = score(model, precision, texts, workload.batch, device).times(texts.arms)
        parts.append(Part(f"score {texts.name}", "evaluate", scored))
    if workload.text_bytes is not None:
        parts.append(Part.fixed("baselines", "evaluate", baselines(workload.text_bytes)))
    return tuple(parts)


def engine(model: Architecture) -> float:
    """Seconds until one arm's engine is ready."""
    return 0.1 + 2.0 * model.num_parameters / _ENGINE_BYTES_PER_S


def baselines(text_bytes: float) -> float:
    """Seconds that an n-gram model and zstd take for so much training text."""
    return text_bytes * (_NGRAM_S_PER_BYTE + _ZSTD_PASSES / _ZSTD_BYTES_PER_S)


def read(model: Architecture, precision: Precision, questions: Questions, batch: int, device: Device) -> Seconds:
    """The prompts of one arm, each read once; what all begin with is read once a batch."""
    batches = math.ceil(questions.count / batch)
    own = questions.prompt - questions.shared
    passes = _Pass(
        tokens=questions.count * own + batches * questions.shared,
        context=min(questions.prompt, (questions.shared + questions.prompt + _BLOCK) / 2),
        head=questions.count,
        count=batches,
    )
    return _forward(model, precision, passes, device)


@dataclass(frozen=True, slots=True)
class Decoding:
    """Steps that add a token to each reply that has not ended; the tokens so added; keys that each of those sees."""

    steps: float
    tokens: float
    context: float

    @classmethod
    def of(cls, questions: Questions, replies: Replies, batch: int) -> Decoding:
        """The replies of one arm, a batch at a time. The first token of each comes from its prompt's pass."""
        return cls(
            steps=math.ceil(questions.count / batch) * max(0.0, replies.longest - 1),
            tokens=questions.count * max(0.0, replies.mean - 1),
            context=questions.prompt + replies.mean / 2,
        )


def decode(model: Architecture, precision: Precision, work: Decoding, device: Device) -> Seconds:
    """A step reads the weights once, and the cache of each reply. Source: Pope et al. 2022, arXiv 2211.05102."""
    weights = model.active_matrix_parameters + model.head_parameters
    wide = 1 if precision == "bf16" else 2
    moved = wide * (2.0 * weights * work.steps + _CACHE_TRAFFIC * model.kv_bytes(work.context) * work.tokens)
    ops = _DECODE_OPS * model.num_layers * work.steps
    return timed(device, precision, Flops(_PACKED_ROWS * 2.0 * weights * work.tokens, 0.0), moved, ops)


def score(model: Architecture, precision: Precision, texts: Scoring, batch: int, device: Device) -> Seconds:
    """The texts of one arm."""
    passes = _Pass(
        tokens=texts.count * texts.tokens,
        context=texts.tokens,
        head=texts.count * texts.continuation,
        count=math.ceil(texts.count / batch),
    )
    return _forward(model, precision, passes, device)


def _forward(model: Architecture, precision: Precision, passes: _Pass, device: Device) -> Seconds:
    """Inference pads to one length and masks, so every key is computed; its scores are held in fp32."""
    scores = model.num_layers * model.num_heads * passes.context * passes.tokens
    flops = Flops(
        matrices=_PACKED * 2 * (model.active_matrix_parameters * passes.tokens + model.head_parameters * passes.head),
        attention=_SCORE_PRODUCTS * 4 * model.head_width * scores,
    )
    moved = (
        _FORWARD_TRAFFIC * model.num_layers * (12 * model.width + 8 * model.ffn_width) * passes.tokens
        + _SCORE_TRAFFIC * scores
        + _FORWARD_LOGIT_TRAFFIC * model.vocab_size * passes.head
    )
    return timed(device, precision, flops, moved, _FORWARD_OPS * model.num_layers * passes.count)
