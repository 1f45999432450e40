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

_SIMILAR = 1.25  # documents share a batched product when the longest is at most this much longer than the shortest


class Attend(Protocol):
    """q (T, H, K), k and v (T, G, K) → (T, H, K), for one layer."""

    def __call__(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
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
        self._groups = [
            _Group(torch.tensor([starts[d] for d in docs]), torch.tensor([lengths[d] for d in docs]), starts[-1])
            for docs in _similar(lengths)
        ]
        self._order = torch.cat([group.tokens for group in self._groups])  # where each output row belongs
        self._inverse = torch.argsort(self._order)

    def __call__(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:  # noqa: ARG002  all layers alike
        """Attend inside each document."""
        if len(self._groups) == 1 and self._groups[0].is_whole:
            return self._groups[0].attend(q, k, v)
        parts = [group.attend(q, k, v) for group in self._groups]
        return torch.cat(parts)[self._inverse]


class _Group:
    """Documents of similar length: `gather` (N·L,) pads them, `keep` (N·L,) marks the real tokens."""

    def __init__(self, starts: Tensor, lengths: Tensor, total: int) -> None:
        longest = int(lengths.max())
        steps = torch.arange(longest)
        self.shape = (len(lengths), longest)
        self.gather = (starts[:, None] + torch.minimum(steps, lengths[:, None] - 1)).flatten()
        self.keep = (steps < lengths[:, None]).flatten().nonzero()[:, 0]
        self.tokens = self.gather[self.keep]
        self.is_dense = len(self.keep) == len(self.gather)
        self.is_whole = self.is_dense and len(self.gather) == total  # the only group, in stream order

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """(T, H, K) → this group's real tokens (·, H, K)."""
        batched = (x if self.is_whole else x[self.gather] for x in (q, k, v))
        q, k, v = (x.unflatten(0, self.shape) for x in batched)  # (N, L, H, K)
        flat = _causal(q, k, v).flatten(0, 1)  # (N·L, H, K)
        return flat if self.is_dense else flat[self.keep]


def _causal(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """q (N, L, H, K), k and v (N, L, G, K) → (N, L, H, K), with the faster kernel of the device."""
    if q.device.type == "cpu":
        return causal.attend(q, k, v)
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    return scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=q.shape[1] != k.shape[1]).transpose(1, 2)


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
