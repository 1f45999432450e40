"""What one micro-batch of a fine-tuning step asks of a device: products, traffic, dequantised weights, started kernels.

Sources: Kaplan et al. 2020, arXiv 2001.08361 (2 FLOPs a parameter and pass; a frozen matrix has no weight gradient); Hu
et al. 2021, arXiv 2106.09685 (adapters); Dettmers et al. 2023, arXiv 2305.14314 (a quantised base is dequantised at
every use); Dao 2023, arXiv 2307.08691 (a fused attention kernel computes its products 2.5 times over backward);
Korthikanti et al. 2022, arXiv 2205.05198 (what a layer's pointwise operations read and write).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from danlu.compute.architecture import Matrix
from danlu.compute.job import Job
from danlu.compute.job.adapters import adapted_matrices, adapter_parameters, adapters
from danlu.compute.step.layers import local_tokens
from danlu.compute.step.products import Speed, product_s
from danlu.compute.step.rates import Rates

STORED = {"none": 2.0, "int8": 1.0, "nf4": 0.53, "gptq": 0.53}  # bytes a parameter of the base at rest
_GROUPED = re.compile(r"scattermoe|grouped|megablocks|megatron|torchtitan|fused.?moe")  # experts in one kernel
_WAVE = 0.18  # of large tiles; the few rows of a fine-tuning batch take smaller ones
_GROUPED_SHARE = 0.6  # of a large product's rate, for many small experts in one kernel
_TILE_ROWS = 64.0  # a tile is computed whole
_LONG_ATTENTION = 1200.0  # tokens at which a fused kernel reaches half of what it reaches on long rows


@dataclass(frozen=True, slots=True)
class Rounds:
    """Times that a micro-batch goes through the layers. forward: with recompute; inputs, weights: backward."""

    forward: float
    inputs: float
    weights: float

    @classmethod
    def of(cls, job: Job) -> Rounds:
        """Full recompute goes forward twice; a frozen base has no weight gradients."""
        again = 1.0 if job.recompute == "full" else 0.0
        return cls(1 + again, 1.0, 0.0 if job.tuning.adapted else 1.0)

    @property
    def products(self) -> float:
        """In forward passes' worth of products."""
        return self.forward + self.inputs + self.weights

    @property
    def traffic(self) -> float:
        """In forward passes' worth of pointwise kernels: backward reads what forward read, and its gradients."""
        return self.forward + 2 * self.inputs


def trained_parameters(job: Job) -> float:
    """Weights with a gradient."""
    return adapter_parameters(job) if job.tuning.adapted else float(job.architecture.num_parameters)


def base_bytes(job: Job) -> float:
    """Of the base's weights at rest in the precision of products; embedding and head are never quantised."""
    shape = job.architecture
    layers = shape.layer_parameters
    return layers * STORED[job.tuning.quant] + (shape.num_parameters - layers) * 2.0


def products_s(job: Job, rates: Rates) -> float:
    """All layers' products and the head's, forward, again, and backward by inputs and (where trained) by weights."""
    shape, tokens, rounds = job.architecture, local_tokens(job), Rounds.of(job)
    speed = Speed(rates.products, rates.memory, wave=_WAVE)
    seconds = 0.0
    for matrix, layers in shape.matrices:
        once, weights = _matrix_s(job, matrix, tokens, speed)
        seconds += layers * (once * (rounds.forward + rounds.inputs) + weights * rounds.weights)
    head = Speed(rates.head, rates.memory, wave=_WAVE)
    logits = product_s(tokens, shape.width, shape.vocab_size, head)
    return (seconds + logits * (1 + rounds.inputs + rounds.weights)) / job.layout.tp


def _matrix_s(job: Job, matrix: Matrix, tokens: float, speed: Speed) -> tuple[float, float]:
    """A matrix and all its copies: forward (and backward by inputs), and backward by weights.

    Experts run one after another, each losing its own last wave, or in one kernel at a lower rate.
    """
    local = max(1.0, matrix.copies / job.layout.ep)
    rows = tokens * (matrix.copies if _computes_all(job) and matrix.copies > 1 else matrix.used) / local
    rows = -(-rows // _TILE_ROWS) * _TILE_ROWS
    grouped = matrix.copies > 1 and grouped_experts(job)
    together, times = (local, 1 / _GROUPED_SHARE) if grouped else (1.0, local)
    once = times * product_s(rows, matrix.inputs, matrix.outputs, speed, count=together)
    return once, times * product_s(matrix.inputs, rows, matrix.outputs, speed, count=together)


def grouped_experts(job: Job) -> bool:
    """Whether a mixture's experts run in one kernel rather than in a loop."""
    return _GROUPED.search(job.software.framework) is not None


def _computes_all(job: Job) -> bool:
    """Transformers computes every expert of Llama 4 for every token, and multiplies by weights that are mostly zero."""
    return re.search(r"llama.?4", job.architecture.name) is not None and not grouped_experts(job)


def attention_s(job: Job, rates: Rates) -> float:
    """Queries with keys and weights with values; unfused attention also writes and reads its square of weights."""
    shape, tokens, rounds = job.architecture, local_tokens(job), Rounds.of(job)
    row = job.batch.document or job.batch.mean or job.batch.seq_len
    again = rounds.forward if job.recompute != "selective" else 2.0
    if job.software.attention == "flash":
        reached = rates.attention * 1.3 * row / (row + _LONG_ATTENTION)  # Dao 2023, figures 4 to 6: it grows with rows
        return (again + 2.5) * shape.attention_flops(tokens, row) / reached / job.layout.tp
    flops = (again + 2.0) * shape.attention_flops(tokens, row, causal=False)
    square = tokens * row * shape.num_heads * shape.attention_layers
    return (flops / rates.head + (13.0 * again + 17.0) * square / rates.memory) / job.layout.tp


def pointwise_bytes(job: Job) -> float:
    """Norms, rotary embedding, activation and residuals of all layers, as eager kernels move them.

    Bytes an element: a root-mean-square norm 22 (a chain of kernels through fp32), a layer norm, one kernel, 6; a
    residual 6; rotary embedding 20 of queries and keys; an activation with its gate 10, without 4.
    """
    shape = job.architecture
    norm, activation = (22.0, 10.0) if shape.gated else (6.0, 4.0)  # decoders without a gate have layer norms
    rotated = 0.0 if shape.positions else shape.query_width + shape.kv_elements_per_token_layer / 2
    middle = float(shape.ffn_width * (shape.num_layers - shape.expert_layers))
    if shape.experts is not None:
        used = shape.experts.count if _computes_all(job) else shape.experts.active
        routed = used * (shape.experts.width + 2 * shape.width)
        middle += shape.expert_layers * (routed + shape.experts.shared_width)
    layers = shape.num_layers * (2 * (norm + 6.0) * shape.width + 20.0 * rotated) + activation * middle
    return layers * local_tokens(job) * Rounds.of(job).traffic / job.layout.tp


def adapter_bytes(job: Job) -> float:
    """What eager adapters read and write: dropout and a cast of the input (12 bytes an element), the sum (12)."""
    moved = sum(layers * m.used * (12.0 * m.inputs + 12.0 * m.outputs) for m, layers in adapted_matrices(job))
    return moved * local_tokens(job) * Rounds.of(job).traffic / job.layout.tp


def dequantised_bytes(job: Job) -> float:
    """Every pass reads the stored base and writes it in 16 bits."""
    if job.tuning.quant == "none":
        return 0.0
    rounds = Rounds.of(job)
    matrices = sum(m.num_parameters * layers for m, layers in job.architecture.matrices if m.name != "router")
    return matrices * (STORED[job.tuning.quant] + 2.0) * (rounds.forward + rounds.inputs) / job.layout.tp


def loss_bytes(job: Job) -> float:
    """Traffic of logits, forward and backward: eager upcasts, shifts, normalises in fp32, casts its gradient back."""
    logit = {"full": 40.0, "kernel": 12.0, "chunked": 28.0, "fused": 10.0}.get(job.software.loss, 40.0)
    return local_tokens(job) * job.architecture.vocab_size * logit / job.layout.tp


def started_kernels(job: Job) -> float:
    """Kernels that the host starts for a micro-batch: what a small batch waits for.

    A layer forward: 40 eager operations (25 when compiled or fused), an adapter 10 (8), a quantised matrix 4, each
    expert of a mixture that loops over its experts 9. Backward starts twice as many. Full sharding calls a collective
    for each unit that it wraps, 20 operations' worth; an adapter's two matrices are units of their own but in LitGPT.
    """
    shape, rounds = job.architecture, Rounds.of(job)
    compiled = job.software.compiled
    attached = adapters(job)
    count = shape.num_layers * (25.0 if compiled else 40.0) + attached * (8.0 if compiled else 10.0)
    if job.tuning.quant != "none":
        count += 4.0 * sum(layers for m, layers in shape.matrices if m.name != "router")
    if shape.experts is not None:
        alone = 1.0 if grouped_experts(job) else float(shape.experts.count)
        count += shape.expert_layers * (20.0 + 9.0 * alone)
    count *= rounds.traffic
    if job.layout.sharding == "zero3" and job.layout.shards > 1:
        units = shape.num_layers + (0 if "litgpt" in job.software.framework else 2 * attached)
        count += 20.0 * (rounds.forward + 2.0) * units
    return count
