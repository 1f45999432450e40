"""What autograd keeps of a forward pass, and what one layer needs while it is computed backward.

T tokens of a micro-batch on a device, D width, Q all queries' width, KV keys' or values', F feed-forward width, H
heads, R rank, e bytes of the products' type. Source of the count: Korthikanti et al. 2022, arXiv 2205.05198, section 4
(34 T D + 5 H T S bytes of a GPT layer; tensor parallelism divides what lies between its two collectives, sequence
parallelism the rest); extended here to gated feed-forward parts, grouped keys, mixtures and adapters by listing what
each operation's backward formula reads. Attention: Dao et al. 2022, arXiv 2205.14135 (a fused kernel keeps its
inputs, its output and a number for each query). Full recomputation: Chen et al. 2016, arXiv 1604.06174.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from danlu.compute.architecture import Architecture
from danlu.compute.catalogue import ELEMENT_BYTES
from danlu.compute.job import Job
from danlu.compute.job.adapters import adapted_matrices
from danlu.compute.memory.states import adapter_bytes, is_transformers, raises_stream


@dataclass(frozen=True, slots=True)
class Layer:
    """Bytes of one micro-batch in one layer of one device. entry: the layer's input, all that recomputation keeps.

    kept: by the job's own policy; whole: without any recomputation; gradients: alive beside it in backward.
    """

    entry: float
    kept: float
    whole: float
    gradients: float


def tokens(job: Job) -> float:
    """Of the largest micro-batch on a device: every row as long as the longest, its share under context parallelism.

    Without padding rows lie end to end: all but one are as long as the mean.
    """
    batch = job.batch
    longest = batch.longest or batch.seq_len
    if batch.document is not None and batch.mean is not None and batch.document == batch.mean < longest:
        return ((batch.micro - 1) * batch.mean + min(longest, 2 * batch.mean)) / job.layout.cp
    rows = batch.micro * (2 if job.tuning.method in {"dpo", "reward"} else 1)  # chosen and rejected in one pass
    return rows * longest / job.layout.cp


def layer(job: Job) -> Layer:
    """A mean over the layers, attention and state, dense and expert."""
    shape, count = job.architecture, tokens(job)
    row = job.batch.longest or job.batch.seq_len
    experts = shape.expert_layers / shape.num_layers
    inside = _Inside(job)
    narrow = inside.residual_bytes + inside.attention_inputs
    wide = inside.attention_bytes + inside.adapters(_is_attention)
    feed = (1 - experts) * inside.feed_forward(shape.ffn_width) + inside.adapters(_is_feed_forward)
    if experts:
        feed += experts * inside.mixture()
    scores = inside.score_bytes(row)
    tp = job.layout.tp
    shared = tp if job.layout.sequence_parallel else 1
    whole = count * (narrow / shared + (wide + feed + scores) / tp)
    entry = count * inside.entry_bytes / shared
    kept = {"none": whole, "full": entry, "selective": _selected(job, count, entry, whole, scores * count / tp)}
    widest = max(shape.ffn_width * (1 - experts), inside.routed_width * experts, shape.query_width)
    apart = 2 * shape.width if shared > 1 else 0  # of the whole sequence, gathered for a matrix, and its gradient
    moving = count * inside.size * (2 * shape.width / shared + apart + 2 * widest / tp)
    return Layer(entry, kept[job.recompute], whole, moving)


def _is_attention(name: str) -> bool:
    return name in {"q_proj", "k_proj", "v_proj", "o_proj"} or name.startswith(("q_", "kv_", "in_", "out_"))


def _is_feed_forward(name: str) -> bool:
    return not _is_attention(name)


def _selected(job: Job, count: float, entry: float, whole: float, scores: float) -> float:
    """Selective recomputation as each house understands it.

    Megatron drops attention's scores, where there are any. torchtitan's default keeps attention's output and every
    second product of a layer (queries, values, gate and down, for a layer of seven).
    """
    shape, size, tp = job.architecture, ELEMENT_BYTES[job.numerics.compute], job.layout.tp
    size = 2.0 if size < 2 else size
    if job.software.framework not in {"torchtitan"}:
        return whole - scores
    products = [m.outputs * m.used * n / shape.num_layers for m, n in shape.matrices if m.name != "router"]
    every_second = sum(products[::2]) + shape.value_width * shape.attention_layers / shape.num_layers
    return min(whole, entry + count * size * every_second / tp)


class _Inside:
    """Bytes of one token in one layer, before any division."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.shape: Architecture = job.architecture
        self.size = max(2.0, ELEMENT_BYTES[job.numerics.compute])
        if job.tuning.quant != "none" and "litgpt" in job.software.framework.lower():
            self.size = 4.0  # its adapters over a quantised base are fp32, and what they add to becomes so
        self.eager = not job.software.compiled
        self.trained = not job.tuning.adapted
        self.raised = raises_stream(job)  # the residual stream is fp32
        self.adapted = {m.name for m, _ in adapted_matrices(job)}

    @property
    def entry_bytes(self) -> float:
        """The residual stream."""
        return self.shape.width * (4.0 if self.raised else self.size)

    @property
    def residual_bytes(self) -> float:
        """Of two norms: fused, the input; as separate operations, an fp32 copy, and its 16-bit result if trained."""
        norm = self.shape.width * self.size
        if self.eager:
            norm = self.shape.width * (4.0 + (self.size if self.trained else 0.0))
        return 2 * norm

    @property
    def attention_inputs(self) -> float:
        """What the matrices behind each norm read: kept where they are trained."""
        return 2 * self.shape.width * self.size if self.trained else 0.0

    @property
    def attention_bytes(self) -> float:
        """Queries, keys, values and output, as attention's backward reads them; a state layer's in- and outputs."""
        shape = self.shape
        layers = shape.attention_layers / shape.num_layers
        keys = shape.query_width if self._repeats_keys else shape.num_kv_heads * shape.head_width
        if shape.latent is not None:
            keys = shape.query_width
        values = shape.value_width if self._repeats_keys or shape.latent is not None else keys
        attention = layers * (shape.query_width + keys + values + shape.value_width)
        states = 0.0
        if shape.state is not None:
            states = (1 - layers) * (2 * shape.state.inputs + 2 * shape.state.outputs)
        norms = 2 * (shape.query_width + keys) if shape.qk_norm and self.eager else 0.0
        return self.size * (attention + states + norms)

    @property
    def _repeats_keys(self) -> bool:
        """Attention without a fused kernel for grouped keys has them written out for every head."""
        return self.job.software.attention == "eager"

    def score_bytes(self, row: float) -> float:
        """Unfused attention keeps weights in fp32 and in the products' type; with dropout twice, and its mask."""
        if self.job.software.attention == "flash":
            return 0.0
        layers = self.shape.attention_layers / self.shape.num_layers
        each = 5.0 if not self.eager else self.size + 4.0
        return layers * each * self.shape.num_heads * row

    def feed_forward(self, width: float) -> float:
        """Gate and up, and the activation of the gate; the product of both where the last matrix is trained."""
        kept = 3.0 if self.shape.gated else 1.0
        if not self.eager and self.shape.gated:
            kept = 2.0
        if self.trained:
            kept += 1.0
        return kept * width * self.size

    @property
    def routed_width(self) -> float:
        """Of all experts that one token takes."""
        experts = self.shape.experts
        return 0.0 if experts is None else experts.active * experts.width + experts.shared_width

    def mixture(self) -> float:
        """Dispatched copies of the input and of the result, and each taken expert's inside."""
        experts = self.shape.experts
        if experts is None:
            return 0.0
        copies = experts.active * self.size * (experts.latent_width or self.shape.width) * 2
        router = 4.0 * experts.count * 2
        return copies + router + self.feed_forward(self.routed_width)

    def adapters(self, mine: Callable[[str], bool]) -> float:
        """An adapter keeps its input (as its own type, after its own dropout) and the rank's numbers."""
        total = 0.0
        kept_inputs: set[str] = set()
        size = adapter_bytes(self.job)
        for matrix, layers in adapted_matrices(self.job):
            if not mine(matrix.name):
                continue
            share = layers / self.shape.num_layers * matrix.used
            total += share * self.job.tuning.rank * size
            source = _input_of(matrix.name)
            own = self._drops or source not in kept_inputs
            free = source == "attention" and size == self.size and not self._drops  # attention keeps it already
            if own and not free:
                total += share * matrix.inputs * (size + (1.0 if self._drops else 0.0))
            kept_inputs.add(source)
        return total

    @property
    def _drops(self) -> bool:
        """Each adapter's own dropout of its input: PEFT's usual 0.05 or 0.1; no other framework's default."""
        return is_transformers(self.job) and "unsloth" not in self.job.software.framework


def _input_of(name: str) -> str:
    if name.endswith("down_proj"):
        return "product" + name
    if name in {"o_proj", "out_proj"}:
        return "attention"
    return "norm 2" if "gate" in name or "up" in name else "norm 1"
