"""One decoder, from token ids to logits, over a flat stream of tokens. Module names are Hugging Face's, so a
checkpoint needs no translation. Source: Touvron et al. 2023, arXiv 2302.13971, and the families of config.py.

T tokens of all documents in a row, D model width, H heads, G key-value heads, K head width, V vocabulary.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, linear
from torch.utils.checkpoint import checkpoint

from danlu.model import functions
from danlu.model.attention import Attend
from danlu.model.config import DecoderConfig
from danlu.model.rope import Rope


class Norm(nn.Module):
    """Root-mean-square norm."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last dim."""
        return functions.norm(x, self.weight, self.eps)


class Attention(nn.Module):
    """Projections around whatever `attend` does."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.head_width = config.head_width
        queries, keys = (n * config.head_width for n in (config.num_heads, config.num_kv_heads))
        self.q_proj = nn.Linear(config.width, queries, bias=config.qkv_bias)
        self.k_proj = nn.Linear(config.width, keys, bias=config.qkv_bias)
        self.v_proj = nn.Linear(config.width, keys, bias=config.qkv_bias)
        self.o_proj = nn.Linear(queries, config.width, bias=config.output_bias)
        if config.qk_norm:
            self.q_norm = Norm(config.head_width, config.norm_eps)
            self.k_norm = Norm(config.head_width, config.norm_eps)

    def forward(self, x: Tensor, rope: Rope, attend: Attend, layer: int) -> Tensor:
        """x (T, D) → (T, D)."""
        q, k, v = (p(x).unflatten(-1, (-1, self.head_width)) for p in (self.q_proj, self.k_proj, self.v_proj))
        if hasattr(self, "q_norm"):
            q, k = self.q_norm(q), self.k_norm(k)
        seen = attend(layer, q, k, v, rope)  # (T, H, K)
        return self.o_proj(seen.flatten(1))


class SwiGLU(nn.Module):
    """Gated feed-forward."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.width, config.ffn_width, bias=False)
        self.up_proj = nn.Linear(config.width, config.ffn_width, bias=False)
        self.down_proj = nn.Linear(config.ffn_width, config.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """x (T, D) → (T, D)."""
        return self.down_proj(functions.swiglu(self.gate_proj(x), self.up_proj(x)))


class Layer(nn.Module):
    """Attention, then feed-forward, each behind a norm and added to the stream."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.input_layernorm = Norm(config.width, config.norm_eps)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = Norm(config.width, config.norm_eps)
        self.mlp = SwiGLU(config)

    def forward(self, x: Tensor, rope: Rope, attend: Attend, layer: int) -> Tensor:
        """x (T, D) → (T, D)."""
        x = x + self.self_attn(self.input_layernorm(x), rope, attend, layer)
        return x + self.mlp(self.post_attention_layernorm(x))


class Trunk(nn.Module):
    """Embedding, layers and the last norm."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.width)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_layers))
        self.norm = Norm(config.width, config.norm_eps)


class Decoder(nn.Module):
    """A language model: `hidden` for all tokens, `logits` for those that need them."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.model = Trunk(config)
        if not config.tied:
            self.lm_head = nn.Linear(config.width, config.vocab_size, bias=False)
        # not a buffer: a cast of the model to bf16 must not round the frequencies
        self.frequencies = config.rope.frequencies(config.head_width)
        self.packed_head: nn.Module | None = None  # packed.py's, for inference alone

    @property
    def head_weight(self) -> Tensor:
        """(V, D): the head's own weight, or the embedding's when they are tied."""
        return self.model.embed_tokens.weight if self.config.tied else self.lm_head.weight

    def hidden(self, ids: Tensor, positions: Tensor, attend: Attend, *, recompute: bool = False) -> Tensor:
        """ids, positions (T,) → (T, D) after the last norm.

        recompute: keep only each layer's input for the backward pass, and compute the rest again.
        """
        x = embedding(ids, self.model.embed_tokens.weight)
        rope = Rope.at(positions, self.frequencies.to(x.device), x.dtype)
        for index, layer in enumerate(self.model.layers):
            if recompute:
                x = checkpoint(layer, x, rope, attend, index, use_reentrant=False)
            else:
                x = layer(x, rope, attend, index)
        return self.model.norm(x)

    def logits(self, hidden: Tensor) -> Tensor:
        """hidden (T, D) → (T, V)."""
        return linear(hidden, self.head_weight) if self.packed_head is None else self.packed_head(hidden)
