"""One dial for a model from scratch: `depth` decides on its shape, and the shape on how it is trained.

L layers, D model width, V vocabulary, N parameters, C floating-point operations.
After the dial of nanochat (github.com/karpathy/nanochat, scripts/base_train.py): a width that grows with depth, heads
of one width, a learning rate that falls with width, a batch and tokens that follow. Tokens: 20 a parameter (Hoffmann
et al. 2022, arXiv 2203.15556). Epochs: text may be read four times before new text would be much better (Muennighoff
et al. 2023, arXiv 2305.16264). Rate and batch: measured at depth 4, and moved from there by the exponents of Bi et al.
2024 (DeepSeek LLM, arXiv 2401.02954, section 3).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from danlu.recipe.base import FreshBase

WIDTH_PER_LAYER = 48  # nanochat has 64; small models on little text do better with more layers a width
HEAD_WIDTH = 64
TOKENS_PER_PARAMETER = 20
EPOCHS = 4.0
COUNTED = 4096  # tokens of a vocabulary whose pairs are counted in seconds
WEIGHT_DECAY = 0.1  # as in GPT-3 (Brown et al. 2020, arXiv 2005.14165)
_ANCHOR = (3.6e14, 4e-3, 1024)  # FLOPs of depth 4 over 4,096 tokens, with the rate and batch that did best there
_LR_EXPONENT, _BATCH_EXPONENT = -0.125, 0.3271
_BATCHES = range(9, 21)  # as powers of two
_UNTIED_FROM = 1 << 30  # parameters: below, a second matrix of embeddings would cost more than it brings


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a decoder of the Llama layout."""

    num_layers: int
    width: int
    num_heads: int
    ffn_width: int
    vocab_size: int
    start: Literal["bigrams", "random"]

    @classmethod
    def of(cls, base: FreshBase) -> Shape:
        """What the recipe names, and the dial's choice for the rest."""
        width = base.width or _multiple(WIDTH_PER_LAYER * base.depth, HEAD_WIDTH)
        return cls(
            num_layers=base.depth,
            width=width,
            num_heads=base.num_heads or _heads(width),
            ffn_width=base.ffn_width or _multiple(8 * width / 3, HEAD_WIDTH),  # SwiGLU has three matrices, not two
            vocab_size=base.vocab_size,
            start=base.start or ("bigrams" if base.vocab_size <= COUNTED else "random"),
        )

    @property
    def num_parameters(self) -> int:
        """Every weight once."""
        layer = self.width * (4 * self.width + 3 * self.ffn_width + 2)
        embeddings = self.vocab_size * self.width * (1 if self.tied else 2)
        return self.num_layers * layer + embeddings + self.width

    @property
    def tied(self) -> bool:
        """Whether the head is the embedding, as where it would be a large part of a small model.

        Counts tell what comes before a token from what comes after it, so a start from them needs two matrices.
        """
        return (
            self.start == "random"
            and self.num_layers * self.width * (4 * self.width + 3 * self.ffn_width) < _UNTIED_FROM
        )

    def config(self, max_positions: int, eos_id: int) -> dict[str, Any]:
        """As Hugging Face's config.json of a Llama has it."""
        return {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "vocab_size": self.vocab_size,
            "hidden_size": self.width,
            "intermediate_size": self.ffn_width,
            "num_hidden_layers": self.num_layers,
            "num_attention_heads": self.num_heads,
            "num_key_value_heads": self.num_heads,
            "head_dim": self.width // self.num_heads,
            "max_position_embeddings": max_positions,
            "rms_norm_eps": 1e-5,
            "rope_theta": 10_000.0,
            "tie_word_embeddings": self.tied,
            "hidden_act": "silu",
            "attention_bias": False,
            "mlp_bias": False,
            "torch_dtype": "bfloat16",
            "bos_token_id": eos_id,
            "eos_token_id": eos_id,
        }


def tokens(shape: Shape) -> int:
    """Tokens to train on; the recipe's epochs may give fewer."""
    return TOKENS_PER_PARAMETER * shape.num_parameters


def lr(shape: Shape) -> float:
    """Peak learning rate, to three figures."""
    return float(f"{_ANCHOR[1] * _scale(shape) ** _LR_EXPONENT:.3g}")


def batch_tokens(shape: Shape) -> int:
    """Tokens of one optimiser step: a power of two, so that whole packs fill it."""
    wanted = math.log2(_ANCHOR[2] * _scale(shape) ** _BATCH_EXPONENT)
    return int(2 ** min(max(round(wanted), _BATCHES[0]), _BATCHES[-1]))


def filled(values: Mapping[str, Any]) -> dict[str, Any]:
    """A written recipe on a fresh base, with all that its depth decides where it leaves a key out or null.

    Values of a wrong type stay as they are: the checks that follow name them.
    """
    try:
        shape = Shape.of(FreshBase.model_validate(values["base"]))
    except ValidationError:
        return dict(values)
    sizes = {"width": shape.width, "num_heads": shape.num_heads, "ffn_width": shape.ffn_width, "start": shape.start}
    trained = {
        "objective": "pretrain",
        "adapter": {"kind": "full"},
        "optimizer": {"lr": lr(shape), "weight_decay": WEIGHT_DECAY},
        "batch_tokens": batch_tokens(shape),
        "max_tokens": tokens(shape),
        "epochs": EPOCHS,
    }
    return dict(_completed(values, {"base": sizes, "training": trained, "evaluation": {"guard": None}}))


def _completed(written: Any, wanted: Any) -> Any:
    """`written`, with the keys of `wanted` that it leaves out or null, at every level but below `kind`."""
    if written is None:
        return wanted
    if not isinstance(written, Mapping) or not isinstance(wanted, Mapping) or "kind" in written:
        return written
    return {**written, **{key: _completed(written.get(key), value) for key, value in wanted.items()}}


def _scale(shape: Shape) -> float:
    """FLOPs of its training, in those of the anchor."""
    return 6 * shape.num_parameters * tokens(shape) / _ANCHOR[0]


def _multiple(size: float, of: int) -> int:
    return max(of, round(size / of) * of)


def _heads(width: int) -> int:
    """Heads of 64, or of the nearest even width that divides the model's."""
    wanted = max(1, round(width / HEAD_WIDTH))
    return next(heads for heads in range(wanted, 0, -1) if width % (2 * heads) == 0 or heads == 1)
