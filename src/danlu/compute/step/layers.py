"""What one micro-batch costs one device in all layers of the model: forward, backward, and what is computed again.

t tokens of the micro-batch on this device, D model width, F feed-forward width. Sources: Kaplan et al. 2020, arXiv
2001.08361 (two FLOPs a weight and token forward, four backward); Dao 2023, arXiv 2307.08691 (a fused attention computes
its scores again, so that backward costs 2.5 forwards); Korthikanti et al. 2022, arXiv 2205.05198 (tensor and sequence
parallelism, what unfused attention reads and writes, what recomputation adds).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

from danlu.compute.architecture.shapes import Matrix
from danlu.compute.catalogue import ELEMENT_BYTES
from danlu.compute.job import Job
from danlu.compute.step.constants import StepConstants
from danlu.compute.step.network import Group, exchange_s, gather_s, reduce_s
from danlu.compute.step.products import Speed, backward_s, forward_s
from danlu.compute.step.rates import Rates

_BACKWARD_ATTENTION = 2.5
_WITHOUT_TENSOR_CORES = 10.0  # times slower: 312 against 19.5 to 78 TFLOP/s on an A100
_SCORES_FORWARD, _SCORES_BACKWARD = 13.0, 17.0  # bytes read and written for each score without fusion, dropout included


@dataclass(frozen=True, slots=True)
class Work:
    """Seconds of a device, by what they are spent on; communication is what is not hidden."""

    products: float = 0.0
    attention: float = 0.0
    memory_ops: float = 0.0
    casts: float = 0.0
    tensor: float = 0.0
    context: float = 0.0
    expert: float = 0.0

    def __add__(self, other: Work) -> Work:
        """One after the other."""
        return Work(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __mul__(self, times: float) -> Work:
        """So many times over."""
        return Work(*(getattr(self, f.name) * times for f in fields(self)))

    @property
    def total(self) -> float:
        """Of all."""
        return float(sum(getattr(self, f.name) for f in fields(self)))


@dataclass(frozen=True, slots=True)
class Passes:
    """Of one micro-batch: through the layers, and through the head with its loss."""

    forward: Work
    backward: Work
    again: Work
    head: Work

    @property
    def total(self) -> Work:
        """The micro-batch on a device that has all layers."""
        return self.forward + self.backward + self.again + self.head


def passes(job: Job, rates: Rates, constants: StepConstants) -> Passes:
    """Forward, backward, again and head of one micro-batch, all layers on one device (its share by tp and cp)."""
    forward = _layers(job, rates, constants, back=False)
    backward = _layers(job, rates, constants, back=True)
    return Passes(forward, backward, _again(job, forward), _head(job, rates, constants))


def local_tokens(job: Job) -> float:
    """Tokens of a micro-batch that a device of a context-parallel group holds."""
    return job.batch.micro * (job.batch.mean or job.batch.seq_len) / job.layout.cp


def _layers(job: Job, rates: Rates, constants: StepConstants, *, back: bool) -> Work:
    tokens = local_tokens(job)
    speed = Speed(rates.products, rates.memory, ELEMENT_BYTES[job.numerics.compute], constants.wave)
    run = backward_s if back else forward_s
    products = sum(layers * run(t, k, n, speed, count) for t, k, n, count, layers in _products(job, tokens))
    attention, scores = _attention(job, rates, tokens, back=back)
    memory_ops, casts = _traffic(job, tokens, back=back)
    touched = constants.eager if not job.software.compiled else 1.0
    context = _context(job, rates, constants, tokens, attention, back=back)
    return Work(
        products,
        attention,
        (memory_ops * touched + scores) / rates.memory,
        casts / rates.memory,
        _tensor(job, rates, constants, tokens),
        context,
        _expert(job, rates, constants, tokens),
    )


def _products(job: Job, tokens: float) -> Iterator[tuple[float, float, float, float, float]]:
    """Tokens, inputs, outputs, number of matrices and of layers of each product of this device."""
    shape, tp = job.architecture, job.layout.tp
    fused: dict[str, tuple[Matrix, float, int]] = {}
    for matrix, layers in shape.matrices:
        name = "qkv" if matrix.name in {"q_proj", "k_proj", "v_proj"} else matrix.name
        if name.endswith("gate_proj") or name.endswith("up_proj"):
            name = name.replace("gate_proj", "up_proj")
        known = fused.get(name)
        fused[name] = (matrix, matrix.outputs + (known[1] if known else 0.0), layers)
    for name, (matrix, outputs, layers) in fused.items():
        if name.startswith("expert_") and shape.experts is not None:
            experts = shape.experts
            local = max(1.0, experts.count / job.layout.ep)
            slots = tokens / tp * experts.active / local
            yield slots, matrix.inputs, outputs, local, layers
        elif name in {"q_a_proj", "kv_a_proj", "router"}:
            yield tokens / tp, matrix.inputs, outputs, 1.0, layers
        elif name.endswith("down_proj") or name == "o_proj":
            yield tokens, matrix.inputs / tp, outputs, 1.0, layers
        else:
            yield tokens, matrix.inputs, outputs / tp, 1.0, layers


def _attention(job: Job, rates: Rates, tokens: float, *, back: bool) -> tuple[float, float]:
    """Seconds of its products, and bytes of scores that an unfused kernel reads and writes."""
    shape, tp = job.architecture, job.layout.tp
    document = job.batch.document or job.batch.seq_len
    if job.software.attention == "flash":
        flops = shape.attention_flops(tokens, document, causal=True) / tp
        return (_BACKWARD_ATTENTION if back else 1.0) * flops / rates.attention, 0.0
    flops = shape.attention_flops(tokens, document, causal=False) / tp
    scores = shape.attention_layers * shape.num_heads / tp * tokens * document
    if shape.head_width % 8:  # batched products of misaligned rows do without tensor cores
        flops *= _WITHOUT_TENSOR_CORES
    return (2.0 if back else 1.0) * flops / rates.head, scores * (_SCORES_BACKWARD if back else _SCORES_FORWARD)


def _traffic(job: Job, tokens: float, *, back: bool) -> tuple[float, float]:
    """Bytes that element-wise kernels move with fusion, and that casts to narrow formats move.

    Forward, in numbers of two bytes: each norm reads and writes D, each residual sum reads two and writes one, rotary
    reads and writes queries and keys, the activation reads two F and writes one (gated). Backward twice that.
    """
    shape, layout = job.architecture, job.layout
    tp = layout.tp
    spread = tp if layout.sequence_parallel else 1
    rotary = 2.0 * (shape.query_width + shape.num_kv_heads * shape.head_width) / tp if not shape.positions else 0.0
    dense = shape.num_layers - shape.expert_layers
    per_unit = 3.0 if shape.gated else 2.0
    common = shape.num_layers * 10.0 * shape.width / spread + shape.attention_layers * rotary
    # A state-space layer goes over its inner width (about twice D, with its gate) for convolution, scan, gate and norm.
    common += shape.state_layers * 30.0 * shape.width / tp
    middle = dense * per_unit * shape.ffn_width / tp
    if shape.experts is not None:
        experts = shape.experts
        middle += shape.expert_layers * per_unit * experts.shared_width / tp
        # Each of a token's copies is sorted, sent, sorted again, and the same on its way back.
        routed = per_unit * experts.width + 8.0 * shape.width
        middle += shape.expert_layers * experts.active * routed / tp
    moved = 2.0 * tokens * (common + middle) * (2.0 if back else 1.0)
    if job.numerics.compute not in {"fp8", "fp4"}:
        return moved, 0.0
    # A cast reads two bytes and writes the number twice, as rows and as columns, for the product by weights.
    wide = sum((m.outputs if back else m.inputs) * m.used * n for m, n in shape.matrices if m.name != "router")
    return moved, tokens / tp * wide * (2.0 + 2.0 * ELEMENT_BYTES[job.numerics.compute])


def _tensor(job: Job, rates: Rates, constants: StepConstants, tokens: float) -> float:
    """Two sums over the group a layer, one where experts take the place of the feed-forward part."""
    shape, tp = job.architecture, job.layout.tp
    if tp == 1:
        return 0.0
    group = Group.of(job.cluster, tp)
    one = reduce_s(tokens * shape.width * 2.0, group, rates, constants.hop_s)
    shown = 1.0 - constants.tp_hidden if job.software.hides_tp else 1.0
    return one * (2 * shape.num_layers - shape.expert_layers) * shown


def _context(job: Job, rates: Rates, constants: StepConstants, tokens: float, attention: float, *, back: bool) -> float:
    """Keys and values go round the ring while attention works on the ones that are there."""
    shape, cp = job.architecture, job.layout.cp
    if cp == 1:
        return 0.0
    group = Group.of(job.cluster, cp, job.layout.tp)
    kept = tokens * cp * 2.0 * shape.num_kv_heads * shape.head_width * 2.0 / job.layout.tp
    comm = shape.attention_layers * gather_s(kept, group, rates, constants.hop_s, lanes=1) * (2.0 if back else 1.0)
    return max(0.0, comm - attention) + constants.contention * min(comm, attention)


def _expert(job: Job, rates: Rates, constants: StepConstants, tokens: float) -> float:
    """Tokens go to their experts and come back. Across nodes a token goes once to each node that wants it."""
    shape, ep = job.architecture, job.layout.ep
    if shape.experts is None or ep == 1:
        return 0.0
    group = Group.of(job.cluster, ep)
    one = tokens / job.layout.tp * shape.width * 2.0
    domains = -(-group.size // group.inside)
    copies = float(shape.experts.active)
    if domains > 1:
        copies = min(copies, domains * (1.0 - (1.0 - 1.0 / domains) ** copies))
    shown = constants.contention if job.layout.schedule == "dualpipe" else 1.0
    return shown * shape.expert_layers * 2.0 * exchange_s(one * copies, group, rates, constants.hop_s)


def _again(job: Job, forward: Work) -> Work:
    """What recomputation repeats: all of a layer, or by "selective" what is cheap to repeat.

    Megatron's repeats attention's core; torchtitan's keeps every other product (docs of torchtitan, activation
    checkpointing), and attention. With a fused attention Megatron's costs nothing more.
    """
    if job.recompute == "full":
        return forward
    if job.recompute == "selective":
        if job.software.framework == "torchtitan":
            return Work(products=0.5 * forward.products, memory_ops=forward.memory_ops, casts=0.5 * forward.casts)
        eager = job.software.attention == "eager"
        return Work(attention=forward.attention, memory_ops=0.6 * forward.memory_ops) if eager else Work()
    return Work()


def _head(job: Job, rates: Rates, constants: StepConstants) -> Work:
    """Logits and loss, forward and backward. Logits of fp32 are written and read a few times unless one kernel does."""
    shape, tp = job.architecture, job.layout.tp
    tokens = local_tokens(job)
    speed = Speed(rates.head, rates.memory, wave=constants.wave)
    vocab = shape.vocab_size / tp
    products = forward_s(tokens, shape.width, vocab, speed) + backward_s(tokens, shape.width, vocab, speed)
    each = {"full": 24.0, "kernel": 12.0, "chunked": 24.0, "fused": 6.0}[job.software.loss]
    if job.software.compiled and job.software.loss == "full":
        each = 14.0
    return Work(products=products, memory_ops=tokens * vocab * each / rates.memory)


def host_s(job: Job) -> float:
    """Seconds that the host needs to start one micro-batch's kernels, forward and backward, in all layers.

    A fused dense layer is about 30 kernels forward and 60 backward; routing to experts adds some hundred small ones.
    """
    shape = job.architecture
    dense = 90.0 if job.software.compiled else 200.0
    return (shape.num_layers * dense + shape.expert_layers * 800.0) * job.cluster.device.op_s
