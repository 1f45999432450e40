"""What training and inference compute, in floating-point operations, and how much of a model is trained.

Sources: Kaplan et al. 2020, arXiv 2001.08361, table 1 (2 FLOPs a parameter forward, twice that backward);
Narayanan et al. 2021, arXiv 2104.04473, appendix (attention and head); Hu et al. 2021, arXiv 2106.09685 (LoRA).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from danlu.compute.architecture import Architecture, Matrix
from danlu.errors import CheckpointError
from danlu.recipe import Lora, Training

_ATTENTION_BLOCK = 128  # queries that danlu's kernel handles together: what they may not see is computed up to here


@dataclass(frozen=True, slots=True)
class Flops:
    """Floating-point operations: of matrices, and of attention, whose kernels are slower."""

    matrices: float
    attention: float

    @property
    def total(self) -> float:
        """Both."""
        return self.matrices + self.attention


def dense(config: Mapping[str, Any]) -> Architecture:
    """A config.json that danlu's own decoder carries out. Raises CheckpointError for any other."""
    for key in ("num_local_experts", "num_experts", "n_routed_experts"):
        if config.get(key):
            raise CheckpointError(f"config.json sets {key}: danlu does not train mixtures of experts.")
    family = str(config.get("model_type") or "")
    try:
        heads, width = int(config["num_attention_heads"]), int(config["hidden_size"])
        return Architecture(
            name=family,
            num_layers=int(config["num_hidden_layers"]),
            width=width,
            ffn_width=int(config["intermediate_size"]),
            num_heads=heads,
            num_kv_heads=int(config.get("num_key_value_heads") or heads),
            head_width=int(config.get("head_dim") or width // heads),
            vocab_size=int(config["vocab_size"]),
            tied=bool(config.get("tie_word_embeddings", False)),
            biases="qkvo" if config.get("attention_bias") else "qkv" if family == "qwen2" else "",
            qk_norm=family == "qwen3",
        )
    except KeyError as error:
        raise CheckpointError(
            f"config.json has no {error.args[0]!r}, without which a model's size is not known."
        ) from error


def adapted(model: Architecture, lora: Lora) -> tuple[Matrix, ...]:
    """The matrices of one layer that get an adapter."""
    rest = model.dense_matrices if lora.targets == "all-linear" else ()
    return (*model.attention_matrices, *rest)


def trained_parameters(model: Architecture, training: Training) -> int:
    """What the optimiser moves: R (inputs + outputs) for each adapted matrix, or everything."""
    if not isinstance(training.adapter, Lora):
        return model.num_parameters
    rank = training.adapter.rank
    return model.num_layers * sum(rank * (m.inputs + m.outputs) for m in adapted(model, training.adapter))


def attention_flops(model: Architecture, tokens: float, document: float) -> float:
    """Forward products of queries with keys and of weights with values, as danlu's kernel computes them.

    document: mean length, over tokens. Causality leaves (T + 1) / 2 keys to a query; the kernel works in blocks of
    queries, so short documents are computed in full.
    """
    keys = min(document, (document + _ATTENTION_BLOCK) / 2)
    return 4 * model.num_layers * model.query_width * keys * tokens


def forward(model: Architecture, tokens: float, document: float, head_tokens: float) -> Flops:
    """A forward pass over `tokens`, of which `head_tokens` go through the head."""
    return Flops(
        matrices=2 * model.active_matrix_parameters * tokens + 2 * model.head_parameters * head_tokens,
        attention=attention_flops(model, tokens, document),
    )


def step(model: Architecture, training: Training, tokens: float, document: float, supervised: float) -> Flops:
    """Forward and backward over `tokens`, loss on `supervised` of them.

    A frozen weight costs 2 FLOPs a token forward and 2 backward, for the gradient of its input; one that is trained,
    adapters included, 2 more for its own. Attention costs 2.5 times its forward pass backward.
    """
    once = forward(model, tokens, document, supervised)
    matrices, attention = 2 * once.matrices, 3.5 * once.attention
    if isinstance(training.adapter, Lora):
        matrices += 6 * trained_parameters(model, training) * tokens
    else:
        matrices += once.matrices
    if training.recompute:  # layers once more; the head's gradient is computed beside its loss
        again = forward(model, tokens, document, 0)
        matrices, attention = matrices + again.matrices, attention + again.attention
    return Flops(matrices, attention)
