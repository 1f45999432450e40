"""One dial for a model from scratch: `depth` decides on its shape, and the shape on how it is trained.

N parameters, T training tokens, C = 6 N T floating-point operations, B tokens of a step.
The dial is nanochat's idea (github.com/karpathy/nanochat, scripts/base_train.py): a width that grows with depth,
heads of one width, and all else from these. T: 20 a parameter (Hoffmann et al. 2022, arXiv 2203.15556), and no more
than the text gives in four epochs: after that, new text is worth much more (Muennighoff et al. 2023, 2305.16264).
Batch and rate: the laws of Bi et al. 2024 (DeepSeek LLM, arXiv 2401.02954, section 3), B = 0.292 C^0.3271 and
0.3118 C^-0.125; but a step of at most T/1500 tokens, because a short run needs steps more than it needs quiet
gradients, and then a rate smaller by the root of what the batch is smaller (Malladi et al. 2022, arXiv 2205.10287). The
laws were fitted at C of 1e17 and more; at 1e13 smaller steps did much better here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from danlu.recipe.base import FreshBase

WIDTH_PER_LAYER = 64  # as in nanochat
HEAD_WIDTH = 64
TOKENS_PER_PARAMETER = 20
EPOCHS = 4.0
STEPS = 1500
BYTES_PER_TOKEN = 3.2  # of English, with a vocabulary of some thousands
WEIGHT_DECAY = 0.1  # as in GPT-3 (Brown et al. 2020, arXiv 2005.14165)
_BATCHES = range(9, 21)  # as powers of two
_PASS = 4096  # tokens of one forward pass: more is no faster
_UNTIED_FROM = 1 << 30  # parameters in layers: beside so many, a second matrix of embeddings is little


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a decoder of the Llama layout."""

    num_layers: int
    width: int
    num_heads: int
    ffn_width: int
    vocab_size: int

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
        )

    @property
    def num_parameters(self) -> int:
        """Every weight once."""
        layer = self.width * (4 * self.width + 3 * self.ffn_width + 2)
        embeddings = self.vocab_size * self.width * (1 if self.tied else 2)
        return self.num_layers * layer + embeddings + self.width

    @property
    def tied(self) -> bool:
        """Whether the head is the embedding, as where it would be a large part of a small model."""
        return self.num_layers * self.width * (4 * self.width + 3 * self.ffn_width) < _UNTIED_FROM

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


def tokens(shape: Shape, text_bytes: float = math.inf) -> int:
    """Tokens to train on: what the parameters ask for, or what the text gives in its epochs."""
    return int(min(TOKENS_PER_PARAMETER * shape.num_parameters, EPOCHS * text_bytes / BYTES_PER_TOKEN))


def batch_tokens(shape: Shape, num_tokens: int) -> int:
    """Tokens of one optimiser step, a power of two, for a training of so many tokens."""
    wanted = math.log2(min(_best_batch(shape, num_tokens), num_tokens / STEPS))
    return int(2 ** min(max(round(wanted), _BATCHES[0]), _BATCHES[-1]))


def lr(shape: Shape, num_tokens: int) -> float:
    """Peak learning rate, to two figures, for a training of so many tokens."""
    best = 0.3118 * _flops(shape, num_tokens) ** -0.125
    smaller = min(1.0, batch_tokens(shape, num_tokens) / _best_batch(shape, num_tokens))
    return float(f"{best * math.sqrt(smaller):.2g}")


def chosen(shape: Shape, num_tokens: int) -> dict[str, Any]:
    """The part of `training` that depends on how much is trained on."""
    return {
        "max_tokens": num_tokens,
        "batch_tokens": batch_tokens(shape, num_tokens),
        "micro_batch_tokens": min(batch_tokens(shape, num_tokens), _PASS),
        "optimizer": {"lr": lr(shape, num_tokens)},
    }


def filled(values: Mapping[str, Any]) -> dict[str, Any]:
    """A written recipe on a fresh base, with all that its depth decides where it leaves a key out or null.

    Values of a wrong type stay as they are: the checks that follow name them.
    """
    try:
        shape = Shape.of(FreshBase.model_validate(values["base"]))
    except ValidationError:
        return dict(values)
    sizes = {"width": shape.width, "num_heads": shape.num_heads, "ffn_width": shape.ffn_width}
    training = values.get("training")
    limit = training.get("max_tokens") if isinstance(training, Mapping) else None
    num_tokens = limit if isinstance(limit, int) and limit > 0 else tokens(shape)
    trained = _completed(
        chosen(shape, num_tokens),
        {
            "objective": "pretrain",
            "adapter": {"kind": "full"},
            "optimizer": {"weight_decay": WEIGHT_DECAY},
            "epochs": EPOCHS,
        },
    )
    return dict(_completed(values, {"base": sizes, "training": trained, "evaluation": {"guard": None}}))


def _completed(written: Any, wanted: Any) -> Any:
    """`written`, with the keys of `wanted` that it leaves out or null, at every level but below `kind`."""
    if written is None:
        return wanted
    if not isinstance(written, Mapping) or not isinstance(wanted, Mapping) or "kind" in written:
        return written
    return {**written, **{key: _completed(written.get(key), value) for key, value in wanted.items()}}


def fitted(training: Mapping[str, Any], base: FreshBase, text_bytes: float) -> dict[str, Any]:
    """`training` of a recipe, as it was filled in, once the size of the text is known.

    What `filled` chose for 20 tokens a parameter is chosen again where the text gives fewer; what was written stays.
    """
    shape = Shape.of(base)
    guess = chosen(shape, tokens(shape))
    if training["max_tokens"] != guess["max_tokens"]:
        return dict(training)
    known = chosen(shape, max(1, tokens(shape, text_bytes)))
    made = {**training, "max_tokens": known["max_tokens"], "optimizer": dict(training["optimizer"])}
    for key in ("batch_tokens", "micro_batch_tokens"):
        if training[key] == guess[key]:
            made[key] = known[key]
    if training["optimizer"]["lr"] == guess["optimizer"]["lr"]:
        made["optimizer"]["lr"] = known["optimizer"]["lr"]
    return made


def _flops(shape: Shape, num_tokens: int) -> float:
    return 6.0 * shape.num_parameters * num_tokens


def _best_batch(shape: Shape, num_tokens: int) -> float:
    return float(0.292 * _flops(shape, num_tokens) ** 0.3271)


def _multiple(size: float, of: int) -> int:
    return max(of, round(size / of) * of)


def _heads(width: int) -> int:
    """Heads of 64, or of the nearest even width that divides the model's."""
    wanted = max(1, round(width / HEAD_WIDTH))
    return next(heads for heads in range(wanted, 0, -1) if width % (2 * heads) == 0 or heads == 1)
