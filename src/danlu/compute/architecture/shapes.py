"""How large a language model is and what a token costs it: dense or a mixture of experts, any usual attention.

L layers, D model width, F feed-forward width, H heads, G key-value heads, K head width, V vocabulary, E experts.
Sources: Kaplan et al. 2020, arXiv 2001.08361, table 1 (2 FLOPs a parameter forward, twice that backward); Narayanan et
al. 2021, arXiv 2104.04473, appendix (attention and head); DeepSeek-AI 2024, arXiv 2405.04434 (latent attention).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Biases = Literal["", "qkv", "qkvo", "all"]


@dataclass(frozen=True, slots=True)
class Matrix:
    """One matrix of a layer, `inputs` x `outputs`; `copies` of it rest in memory, a token takes `used` of them."""

    name: str
    inputs: int
    outputs: int
    bias: bool = False
    copies: int = 1
    used: float = 1.0

    @property
    def num_parameters(self) -> int:
        """Weights and biases of all copies."""
        return self.copies * (self.inputs * self.outputs + self.bias * self.outputs)

    @property
    def active(self) -> float:
        """Weights that multiply one token."""
        return self.used * self.inputs * self.outputs


@dataclass(frozen=True, slots=True)
class Experts:
    """A mixture in place of the feed-forward part: `active` of `count` experts of width `width` for each token.

    shared_width: of the feed-forward part that every token takes as well. dense_layers: layers that have none.
    latent_width: what the routed experts see in place of the model's width (two more matrices a layer), 0 for that.
    """

    count: int
    active: int
    width: int
    shared_width: int = 0
    dense_layers: int = 0
    latent_width: int = 0


@dataclass(frozen=True, slots=True)
class Latent:
    """Multi-head latent attention: keys and values are kept as one vector of kv_rank + rope_width a token."""

    kv_rank: int
    q_rank: int | None
    nope_width: int
    rope_width: int
    value_width: int


@dataclass(frozen=True, slots=True)
class State:
    """Layers that keep a state of constant size in place of keys and values (Mamba, linear attention, convolution).

    layers: how many. inputs: numbers that their input projections give for a token; outputs: numbers that the output
    projection takes. elements: numbers of the state of one request in one layer. gate: the attention layers beside
    them have a gate as wide as their queries (Qwen3-Next). Sources: Dao & Gu 2024, arXiv 2405.21060 (Mamba-2); Yang et
    al. 2024, arXiv 2412.06464 (gated delta rule).
    """

    layers: int
    inputs: int
    outputs: int
    elements: int
    gate: bool = False


@dataclass(frozen=True, slots=True)
class Architecture:
    """A decoder.

    gated: the feed-forward part has three matrices (SwiGLU) rather than two. biases: of queries, keys and values
    ("qkv"), of all attention ("qkvo") or of every matrix. positions: learned ones. window: tokens that sliding layers
    see; full_layers: attention layers that see everything (None: all of them). bare_layers: layers without a
    feed-forward part. extra_parameters: weights beside the decoder that rest in memory (a vision tower).
    """

    name: str
    num_layers: int
    width: int
    ffn_width: int
    num_heads: int
    num_kv_heads: int
    head_width: int
    vocab_size: int
    gated: bool = True
    tied: bool = False
    biases: Biases = ""
    qk_norm: bool = False
    positions: int = 0
    window: int | None = None
    full_layers: int | None = None
    bare_layers: int = 0
    experts: Experts | None = None
    latent: Latent | None = None
    state: State | None = None
    extra_parameters: int = 0

    @property
    def attention_matrices(self) -> tuple[Matrix, ...]:
        """Of one layer."""
        if self.latent is not None:
            return self._latent_matrices(self.latent)
        queries, keys = self.num_heads * self.head_width, self.num_kv_heads * self.head_width
        bias, gate = self.biases != "", self.state is not None and self.state.gate
        return (
            Matrix("q_proj", self.width, queries * (2 if gate else 1), bias),
            Matrix("k_proj", self.width, keys, bias),
            Matrix("v_proj", self.width, keys, bias),
            Matrix("o_proj", queries, self.width, self.biases in {"qkvo", "all"}),
        )

    def _latent_matrices(self, latent: Latent) -> tuple[Matrix, ...]:
        queries = self.num_heads * (latent.nope_width + latent.rope_width)
        asked: tuple[Matrix, ...] = (Matrix("q_proj", self.width, queries),)
        if latent.q_rank is not None:
            asked = (Matrix("q_a_proj", self.width, latent.q_rank), Matrix("q_b_proj", latent.q_rank, queries))
        return (
            *asked,
            Matrix("kv_a_proj", self.width, latent.kv_rank + latent.rope_width),
            Matrix("kv_b_proj", latent.kv_rank, self.num_heads * (latent.nope_width + latent.value_width)),
            Matrix("o_proj", self.num_heads * latent.value_width, self.width),
        )

    @property
    def state_matrices(self) -> tuple[Matrix, ...]:
        """Of a layer that keeps a state in place of keys and values."""
        if self.state is None:
            return ()
        return Matrix("in_proj", self.width, self.state.inputs), Matrix("out_proj", self.state.outputs, self.width)

    @property
    def dense_matrices(self) -> tuple[Matrix, ...]:
        """The feed-forward part of a layer without experts."""
        return self._feed_forward("", self.width, self.ffn_width)

    @property
    def expert_matrices(self) -> tuple[Matrix, ...]:
        """The feed-forward part of a layer with experts: router, routed and shared ones."""
        if self.experts is None:
            return ()
        experts = self.experts
        seen = experts.latent_width or self.width
        routed = self._feed_forward("expert_", seen, experts.width, experts.count, experts.active)
        shared = self._feed_forward("shared_", self.width, experts.shared_width) if experts.shared_width else ()
        router = Matrix("router", self.width, experts.count, self.biases == "all")
        if not experts.latent_width:
            return router, *routed, *shared
        latent = Matrix("latent_down_proj", self.width, seen), Matrix("latent_up_proj", seen, self.width)
        return router, *latent, *routed, *shared

    def _feed_forward(
        self, prefix: str, outside: int, width: int, copies: int = 1, used: float = 1.0
    ) -> tuple[Matrix, ...]:
        up = (f"{prefix}gate_proj", f"{prefix}up_proj") if self.gated else (f"{prefix}up_proj",)
        bias = self.biases == "all"
        return (
            *(Matrix(name, outside, width, bias, copies, used) for name in up),
            Matrix(f"{prefix}down_proj", width, outside, bias, copies, used),
        )

    @property
    def expert_layers(self) -> int:
        """Layers with experts."""
        return 0 if self.experts is None else self.num_layers - self.bare_layers - self.experts.dense_layers

    @property
    def matrices(self) -> tuple[tuple[Matrix, int], ...]:
        """Every kind of matrix with the number of layers that have it."""
        dense = self.num_layers - self.bare_layers - self.expert_layers
        return (
            *((m, self.attention_layers) for m in self.attention_matrices if self.attention_layers),
            *((m, self.state_layers) for m in self.state_matrices),
            *((m, dense) for m in self.dense_matrices if dense),
            *((m, self.expert_layers) for m in self.expert_matrices),
        )

    @property
    def head_parameters(self) -> int:
        """The head's matrix, its own or the embedding's."""
        return self.vocab_size * self.width

    @property
    def embedding_parameters(self) -> int:
        """Embedding, head and learned positions; a tied head is the embedding."""
        return self.head_parameters * (1 if self.tied else 2) + self.positions * self.width

    @property
    def layer_parameters(self) -> int:
        """All layers, with biases and norms."""
        norms = 2 * self.width + (2 * self.head_width if self.qk_norm else 0)
        return sum(m.num_parameters * layers for m, layers in self.matrices) + self.num_layers * norms

    @property
    def routed_parameters(self) -> int:
        """Weights of routed experts, which expert parallelism divides."""
        return sum(m.num_parameters * n for m, n in self.matrices if m.name.startswith("expert_"))

    @property
    def num_parameters(self) -> int:
        """Every weight once."""
        return self.embedding_parameters + self.layer_parameters + self.width + self.extra_parameters

    @property
    def non_embedding_parameters(self) -> int:
        """Without embedding and head: the N of scaling laws (Kaplan et al. 2020)."""
        return self.layer_parameters + self.width

    @property
    def active_matrix_parameters(self) -> float:
        """Weights that multiply each token in all layers: no embedding, head, bias or norm."""
        return sum(m.active * layers for m, layers in self.matrices)

    @property
    def active_parameters(self) -> float:
        """What one token takes of num_parameters."""
        return self.num_parameters - self.extra_parameters - self._idle_parameters

    @property
    def _idle_parameters(self) -> float:
        return sum(m.num_parameters * n * (1 - m.used / m.copies) for m, n in self.matrices)

    @property
    def state_layers(self) -> int:
        """Layers that keep a state in place of keys and values."""
        return 0 if self.state is None else self.state.layers

    @property
    def attention_layers(self) -> int:
        """Layers that compare queries with keys."""
        return self.num_layers - self.state_layers

    @property
    def query_width(self) -> int:
        """Numbers of a query, all heads."""
        if self.latent is not None:
            return self.num_heads * (self.latent.nope_width + self.latent.rope_width)
        return self.num_heads * self.head_width

    @property
    def value_width(self) -> int:
        """Numbers that attention gives out, all heads."""
        return self.num_heads * (self.latent.value_width if self.latent is not None else self.head_width)

    @property
    def kv_elements_per_token_layer(self) -> int:
        """Numbers that the cache keeps of a token in one layer."""
        if self.latent is not None:
            return self.latent.kv_rank + self.latent.rope_width
        return 2 * self.num_kv_heads * self.head_width

    def kv_bytes(self, tokens: float, element_bytes: float = 2.0) -> float:
        """The cache of one request of so many tokens; sliding layers keep a window, a state is kept in 16 bits."""
        full = self.attention_layers if self.full_layers is None else self.full_layers
        sliding = self.attention_layers - full
        kept = full * tokens + sliding * min(tokens, self.window or tokens)
        state = 0 if self.state is None else self.state.layers * self.state.elements
        return kept * self.kv_elements_per_token_layer * element_bytes + state * max(element_bytes, 2.0)

    def mean_keys(self, document: float, *, causal: bool = True) -> float:
        """Keys that a query meets, a mean over the tokens of a document and over attention layers."""
        seen = document / 2 if causal else document
        full = self.attention_layers if self.full_layers is None else self.full_layers
        sliding = self.attention_layers - full
        window = float(self.window or document)
        narrow = seen if window >= document else window * (1 - window / (2 * document)) if causal else window
        return (full * seen + sliding * narrow) / max(self.attention_layers, 1)

    def attention_flops(self, tokens: float, document: float, *, causal: bool = True) -> float:
        """Forward products of queries with keys and of weights with values; a state is updated (4) and read (2)."""
        widths = self.query_width + self.value_width
        states = 0 if self.state is None else 6 * self.state.layers * self.state.elements * tokens
        return 2 * self.attention_layers * widths * self.mean_keys(document, causal=causal) * tokens + states

    def forward_flops(self, tokens: float, document: float, *, causal: bool = True) -> float:
        """A forward pass over `tokens` in documents of that length, every token through the head."""
        products = 2 * (self.active_matrix_parameters + self.head_parameters) * tokens
        return products + self.attention_flops(tokens, document, causal=causal)
