"""How large a decoder is and what a token costs it, from its config.json alone.

L layers, D model width, F feed-forward width, H heads, G key-value heads, K head width, V vocabulary.
Sources: Kaplan et al. 2020, arXiv 2001.08361, table 1 (2 FLOPs a parameter forward, twice that backward);
Narayanan et al. 2021, arXiv 2104.04473, appendix (attention and head); Hu et al. 2021, arXiv 2106.09685 (LoRA).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from danlu.errors import CheckpointError
from danlu.recipe import Lora, Training

_ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
_ATTENTION_BLOCK = 64  # queries that a kernel handles together: what they may not see is computed up to here


@dataclass(frozen=True, slots=True)
class Linear:
    """One matrix of a layer: `inputs` x `outputs`, with a bias or not."""

    name: str
    inputs: int
    outputs: int
    bias: bool = False

    @property
    def num_parameters(self) -> int:
        """Weights and biases."""
        return self.inputs * self.outputs + self.bias * self.outputs


@dataclass(frozen=True, slots=True)
class Shapes:
    """A dense decoder of the Llama layout: grouped queries, gated feed-forward, RMSNorm."""

    num_layers: int
    width: int
    ffn_width: int
    num_heads: int
    num_kv_heads: int
    head_width: int
    vocab_size: int
    tied: bool
    qkv_bias: bool = False
    output_bias: bool = False
    qk_norm: bool = False

    @classmethod
    def from_hf(cls, config: Mapping[str, Any]) -> Shapes:
        """Read a config.json. Raises CheckpointError where it does not describe a dense decoder of this layout."""
        for key in ("num_local_experts", "num_experts", "n_routed_experts"):
            if config.get(key):
                raise CheckpointError(f"config.json sets {key}: mixtures of experts cannot be planned yet.")
        family = config.get("model_type")
        bias = bool(config.get("attention_bias"))
        try:
            heads, width = int(config["num_attention_heads"]), int(config["hidden_size"])
            return cls(
                num_layers=int(config["num_hidden_layers"]),
                width=width,
                ffn_width=int(config["intermediate_size"]),
                num_heads=heads,
                num_kv_heads=int(config.get("num_key_value_heads") or heads),
                head_width=int(config.get("head_dim") or width // heads),
                vocab_size=int(config["vocab_size"]),
                tied=bool(config.get("tie_word_embeddings", False)),
                qkv_bias=bias or family == "qwen2",
                output_bias=bias,
                qk_norm=family == "qwen3",
            )
        except KeyError as error:
            raise CheckpointError(
                f"config.json has no {error.args[0]!r}, without which a model's size is not known."
            ) from error

    @property
    def linears(self) -> tuple[Linear, ...]:
        """The matrices of one layer."""
        queries, keys = self.num_heads * self.head_width, self.num_kv_heads * self.head_width
        return (
            Linear("q_proj", self.width, queries, self.qkv_bias),
            Linear("k_proj", self.width, keys, self.qkv_bias),
            Linear("v_proj", self.width, keys, self.qkv_bias),
            Linear("o_proj", queries, self.width, self.output_bias),
            Linear("gate_proj", self.width, self.ffn_width),
            Linear("up_proj", self.width, self.ffn_width),
            Linear("down_proj", self.ffn_width, self.width),
        )

    @property
    def head_parameters(self) -> int:
        """The head's matrix, its own or the embedding's."""
        return self.vocab_size * self.width

    @property
    def layer_matrix_parameters(self) -> int:
        """Weights that multiply each token in all layers: no embedding, head, bias or norm."""
        return self.num_layers * sum(m.inputs * m.outputs for m in self.linears)

    @property
    def num_parameters(self) -> int:
        """Every weight once; a tied head is the embedding."""
        norms = 2 * self.width + (2 * self.head_width if self.qk_norm else 0)
        layer = sum(m.num_parameters for m in self.linears) + norms
        embeddings = self.head_parameters * (1 if self.tied else 2)
        return embeddings + self.num_layers * layer + self.width

    @property
    def non_embedding_parameters(self) -> int:
        """Without embedding and head: the N of scaling laws (Kaplan et al. 2020)."""
        return self.num_parameters - self.head_parameters * (1 if self.tied else 2)

    @property
    def kv_bytes_per_token(self) -> int:
        """Keys and values of all layers, in bf16."""
        return self.num_layers * 2 * self.num_kv_heads * self.head_width * 2

    def adapted(self, lora: Lora) -> tuple[Linear, ...]:
        """The matrices of one layer that get an adapter."""
        return tuple(m for m in self.linears if lora.targets == "all-linear" or m.name in _ATTENTION)

    def trained_parameters(self, training: Training) -> int:
        """What the optimiser moves: R (inputs + outputs) for each adapted matrix, or everything."""
        if not isinstance(training.adapter, Lora):
            return self.num_parameters
        rank = training.adapter.rank
        return self.num_layers * sum(rank * (m.inputs + m.outputs) for m in self.adapted(training.adapter))

    def attention_flops(self, tokens: float, document: float) -> float:
        """Forward products of queries with keys and of weights with values, as kernels compute them.

        document: mean length, over tokens. Causality leaves (T + 1) / 2 keys to a query; kernels work in blocks of
        queries, so short documents are computed in full.
        """
        keys = min(document, (document + _ATTENTION_BLOCK) / 2)
        return 4 * self.num_layers * self.num_heads * self.head_width * keys * tokens

    def forward(self, tokens: float, document: float, head_tokens: float) -> Flops:
        """A forward pass over `tokens`, of which `head_tokens` go through the head."""
        return Flops(
            matrices=2 * self.layer_matrix_parameters * tokens + 2 * self.head_parameters * head_tokens,
            attention=self.attention_flops(tokens, document),
        )

    def step(self, training: Training, tokens: float, document: float, supervised: float) -> Flops:
        """Forward and backward over `tokens`, loss on `supervised` of them.

        A frozen weight costs 2 FLOPs a token forward and 2 backward, for the gradient of its input; one that is
        trained, adapters included, 2 more for its own. Attention costs 2.5 times its forward pass backward.
        """
        forward = self.forward(tokens, document, supervised)
        matrices, attention = 2 * forward.matrices, 3.5 * forward.attention
        if isinstance(training.adapter, Lora):
            matrices += 6 * self.trained_parameters(training) * tokens
        else:
            matrices += forward.matrices
        if training.recompute:  # layers once more; the head's gradient is computed beside its loss
            again = self.forward(tokens, document, 0)
            matrices, attention = matrices + again.matrices, attention + again.attention
        return Flops(matrices, attention)


@dataclass(frozen=True, slots=True)
class Flops:
    """Floating-point operations: of matrices, and of attention, whose kernels are slower."""

    matrices: float
    attention: float

    @property
    def total(self) -> float:
        """Both."""
        return self.matrices + self.attention
