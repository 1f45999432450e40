"""Attention as a strategy: the decoder hands over queries, keys and values, not knowing who may see whom.

T tokens of all documents in a row, H heads, G key-value heads, K head width, N documents, L longest of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
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

    Documents that begin alike may share the beginning: it stands in the stream once, at the front of one of them, and
    the others see it as if it were their own. What stands before a token decides all that is computed of it, so the
    copies would be equal; their gradients are added.
    """

    def __init__(self, lengths: Sequence[int], beginnings: Sequence[slice | None] | None = None) -> None:
        """Tokens of each document in the stream, in its order, each at least 1; and where in the stream what it sees
        before them stands, None for those that share nothing."""
        assert all(length > 0 for length in lengths)
        ends = list(accumulate(lengths))
        own = [torch.arange(end - length, end) for end, length in zip(ends, lengths, strict=True)]
        shared = [None if b is None else torch.arange(b.start, b.stop) for b in beginnings or [None] * len(own)]
        self.documents = [o if s is None else torch.cat((s, o)) for s, o in zip(shared, own, strict=True)]
        """Tokens (·,) of the stream that make up each document."""
        self.positions = torch.cat(
            [torch.arange(len(d) - len(o), len(d)) for d, o in zip(self.documents, own, strict=True)]
        )  # (T,)
        several = torch.zeros(ends[-1], dtype=torch.bool)  # (T,) seen by more than one document
        for beginning in shared:
            if beginning is not None:
                several[beginning] = True
        self._layouts = [
            Layout.of([self.documents[d] for d in group], [len(own[d]) for d in group], several)
            for group in _similar([len(d) for d in self.documents])
        ]

    def __call__(self, layer: int, q: Tensor, k: Tensor, v: Tensor, rope: Rope) -> Tensor:  # noqa: ARG002  all alike
        """Attend inside each document."""
        if q.device.type == "cpu":
            return causal.attend(q, k, v, rope, self._layouts)
        q, k = rope.rotate(q), rope.rotate(k)
        out = torch.zeros_like(q)
        for layout in self._layouts:
            seen, own = _attend(layout.token.to(q.device), q, k, v), layout.own.to(q.device)
            out = out.index_put((own[own >= 0],), seen[own >= 0])
        return out


def _attend(token: Tensor, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """token (N, L) of one layout → what each of its places sees (N, L, H, K), with torch's kernel."""
    q, k, v = (x[token.clamp(min=0)].transpose(1, 2) for x in (q, k, v))  # (N, H or G, L, K)
    seen = scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=q.shape[1] != k.shape[1])
    return seen.transpose(1, 2)


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
