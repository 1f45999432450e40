"""Attention as a strategy: the decoder hands over queries, keys and values, not knowing who may see whom.

T tokens of all documents in a row, H heads, G key-value heads, K head width, N documents, L longest of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from danlu.model import causal
from danlu.model.kernels import Layout
from danlu.model.rope import Rope

_SIMILAR = 1.25  # documents share a batched product when the longest is at most this much longer than the shortest


class Attend(Protocol):
    """q (T, H, K), k and v (T, G, K) → (T, H, K), for one layer. q and k come unrotated, with their rope."""

    def __call__(self, layer: int, q: Tensor, k: Tensor, v: Tensor, rope: Rope) -> Tensor:
        """Attend within whatever the strategy allows."""
        ...


class PackedAttention:
    """Causal attention inside each document of a flat stream; documents never see each other.

    Documents of similar length are padded on the right to one length and computed together. Causality alone
    keeps the padding out: no token looks to its right, and the outputs at padding are dropped.
    """

    def __init__(self, lengths: Sequence[int]) -> None:
        """Lengths of the documents, in the order of the stream; each at least 1."""
        assert all(length > 0 for length in lengths)
        starts = [0]
        for length in lengths:
            starts.append(starts[-1] + length)
        self.positions = torch.cat([torch.arange(length) for length in lengths])  # (T,)
        self._layouts = [
            Layout.of([starts[d] for d in documents], [lengths[d] for d in documents])
            for documents in _similar(lengths)
        ]

    def __call__(self, layer: int, q: Tensor, k: Tensor, v: Tensor, rope: Rope) -> Tensor:  # noqa: ARG002  all alike
        """Attend inside each document."""
        if q.device.type == "cpu":
            return causal.attend(q, k, v, rope, self._layouts)
        q, k = rope.rotate(q), rope.rotate(k)
        out = torch.zeros_like(q)
        for layout in self._layouts:
            out = out.index_put(*_attend(layout.token.to(q.device), q, k, v))
        return out


def _attend(token: Tensor, q: Tensor, k: Tensor, v: Tensor) -> tuple[tuple[Tensor], Tensor]:
    """Tokens (·,) of one layout, and what they see (·, H, K), with torch's kernel."""
    q, k, v = (x[token.clamp(min=0)].transpose(1, 2) for x in (q, k, v))  # (N, H or G, L, K)
    seen = scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=q.shape[1] != k.shape[1])
    real = token >= 0
    return (token[real],), seen.transpose(1, 2)[real]


def _similar(lengths: Sequence[int]) -> list[list[int]]:
    """Documents in groups of similar length; a group's order is that of the stream."""
    groups: list[list[int]] = []
    shortest = 0
    for document in sorted(range(len(lengths)), key=lambda d: lengths[d]):
        if not groups or lengths[document] > _SIMILAR * shortest:
            groups.append([])
            shortest = lengths[document]
        groups[-1].append(document)
    return [sorted(group) for group in groups]
