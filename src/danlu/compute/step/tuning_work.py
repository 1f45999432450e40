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
from danlu.compute.step.layers import local_tokens
from danlu.compute.step.products import Speed, product_s
from danlu.compute.step.rates import Rates

STORED = {"none": 2.0, "int8": 1.0, "nf4": 0.53, "gptq": 0.53}  # bytes a parameter of the base at rest
_GROUPED = re.compile(r"scattermoe|grouped|megablocks|megatron|torchtitan|fused.?moe")  # experts in one kernel
_WAVE = 0.18  # of large tiles; the few rows of a fine-tuning batch take smaller ones
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


def adapted_matrices(job: Job) -> tuple[tuple[Matrix, int], ...]:
    """Matrices with an adapter, each with the layers that have it."""
    if not (job.tuning.method in {"lora", "qlora"} or job.tuning.adapter):
        return ()
    named = job.tuning.targets
    return tuple(
        (matrix, layers)
        for matrix, layers in job.architecture.matrices
        if matrix.name != "router" and (not named or _is_named(matrix.name, named))
    )


def _is_named(name: str, named: tuple[str, ...]) -> bool:
    """Latent attention splits what others call q_proj, k_proj and v_proj; experts' matrices are named as dense ones."""
    plain = re.sub(r"^(expert|shared)_", "", name)
    return plain in named or ("q_proj" in named and name.startswith("q_")) or ("v_proj" in named and "kv_" in name)


def trained_parameters(job: Job) -> float:
    """Weights with a gradient."""
    if not job.tuning.adapted:
        return float(job.architecture.num_parameters)
    pairs = adapted_matrices(job)
    return float(sum(layers * m.copies * job.tuning.rank * (m.inputs + m.outputs) for m, layers in pairs))


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
        count = max(1.0, matrix.copies / job.layout.ep)
        rows = -(-tokens * matrix.used / count // _TILE_ROWS) * _TILE_ROWS
        once = product_s(rows, matrix.inputs, matrix.outputs, speed, count=count)
        seconds += layers * once * (rounds.forward + rounds.inputs)
        if rounds.weights:
            seconds += layers * product_s(matrix.inputs, rows, matrix.outputs, speed, count=count)
    head = Speed(rates.head, rates.memory, wave=_WAVE)
    logits = product_s(tokens, shape.width, shape.vocab_size, head)
    return (seconds + logits * (1 + rounds.inputs + rounds.weights)) / job.layout.tp


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

    Two norms that go through fp32 (22 bytes an element each), two residuals (6), rotary embedding (20 an element of
    queries and keys), activation and gate (10 an element of the feed-forward part).
    """
    shape = job.architecture
    wide = shape.query_width + shape.kv_elements_per_token_layer // 2
    middle = shape.ffn_width * (shape.num_layers - shape.expert_layers)
    if shape.experts is not None:
        routed = shape.experts.active * (shape.experts.width + 2 * shape.width)
        middle += shape.expert_layers * (routed + shape.experts.shared_width)
    layers = shape.num_layers * (56.0 * shape.width + 20.0 * wide) + 10.0 * middle
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
    expert of a mixture that loops over its experts 15. Backward starts twice as many. Full sharding calls a collective
    for each unit that it wraps, 20 operations' worth; an adapter's two matrices are units of their own but in LitGPT.
    """
    shape, rounds = job.architecture, Rounds.of(job)
    compiled = job.software.compiled
    adapters = sum(layers for _, layers in adapted_matrices(job))
    count = shape.num_layers * (25.0 if compiled else 40.0) + adapters * (8.0 if compiled else 10.0)
    if job.tuning.quant != "none":
        count += 4.0 * sum(layers for m, layers in shape.matrices if m.name != "router")
    if shape.experts is not None:
        alone = 1.0 if _GROUPED.search(job.software.framework) else float(shape.experts.count)
        count += shape.expert_layers * (20.0 + 15.0 * alone)
    count *= rounds.traffic
    if job.layout.sharding == "zero3" and job.layout.shards > 1:
        units = shape.num_layers + (0 if "litgpt" in job.software.framework else 2 * adapters)
        count += 20.0 * (rounds.forward + 2.0) * units
    return count
