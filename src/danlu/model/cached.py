"""Attention for inference: over a cache of keys and values, and over a context that several continuations share.

Both pad to one length and mask; scores and softmax are in fp32. A masked key's share is exactly 0, so what else
stands in the batch does not change a sequence's result.

T new tokens of all sequences in a row, N sequences, Q longest of their new parts, L length of the cache in use,
H heads, G key-value heads, K head width, S slots.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from danlu.model.config import DecoderConfig

_BLOCK = 64  # the cache grows by so many positions


class Cache:
    """Keys and values of S sequences, layer by layer: each (S, G, L, K)."""

    def __init__(self, config: DecoderConfig, slots: int, dtype: torch.dtype) -> None:
        self.slots = slots
        empty = torch.empty(slots, config.num_kv_heads, 0, config.head_width, dtype=dtype)
        self.keys = [empty] * config.num_layers
        self.values = [empty] * config.num_layers

    @property
    def length(self) -> int:
        """Positions that there is room for."""
        return self.keys[0].shape[2]

    def grow(self, length: int) -> None:
        """Make room for `length` positions."""
        missing = -(-length // _BLOCK) * _BLOCK - self.length
        if missing > 0:
            for layers in (self.keys, self.values):
                for layer, held in enumerate(layers):
                    more = held.new_zeros(*held.shape[:2], missing, held.shape[3])
                    layers[layer] = torch.cat((held, more), dim=2)

    def copy(self, source: int, target: int, length: int) -> None:
        """Give slot `target` the first `length` positions of slot `source`."""
        for layers in (self.keys, self.values):
            for held in layers:
                held[target, :, :length] = held[source, :, :length]


class CachedAttention:
    """New tokens see everything in their slot before them, and are added to it."""

    def __init__(self, cache: Cache, slots: Sequence[int], starts: Sequence[int], lengths: Sequence[int]) -> None:
        """For each of N sequences: its slot, how much of the slot is filled, and how many new tokens it brings."""
        ends = [start + length for start, length in zip(starts, lengths, strict=True)]
        cache.grow(max(ends))
        self._cache = cache
        self._padding = _Padding(lengths)
        self._in_place = list(slots) == list(range(len(slots)))  # then nothing of the cache is copied
        self._slots = torch.tensor(slots)
        steps = torch.arange(max(lengths))
        positions = torch.tensor(starts)[:, None] + torch.minimum(steps, torch.tensor(lengths)[:, None] - 1)  # (N, Q)
        self.positions = positions.flatten()[self._padding.keep]  # (T,)
        self._owner = self._slots.repeat_interleave(torch.tensor(lengths))  # (T,)
        self._seen = -(-max(ends) // _BLOCK) * _BLOCK
        self._visible = torch.arange(self._seen) <= positions[..., None]  # (N, Q, L)

    def __call__(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """q (T, H, K), k and v (T, G, K) → (T, H, K)."""
        keys, values = self._cache.keys[layer], self._cache.values[layer]
        keys[self._owner, :, self.positions] = k
        values[self._owner, :, self.positions] = v
        keys, values = keys[:, :, : self._seen], values[:, :, : self._seen]
        if self._in_place:
            keys, values = keys[: len(self._slots)], values[: len(self._slots)]
        else:
            keys, values = keys[self._slots], values[self._slots]
        return self._padding.strip(_masked(self._padding.pad(q), keys, values, self._visible))


class SharedContext:
    """A request is a context and continuations of it; each continuation sees the context and itself.

    A request's tokens stand in a row: context, first continuation, second, … . Nothing is kept afterwards.
    """

    def __init__(self, requests: Sequence[tuple[int, Sequence[int]]]) -> None:
        """For each of N requests: length of the context, lengths of its continuations."""
        lengths = [context + sum(continuations) for context, continuations in requests]
        self._padding = _Padding(lengths)
        longest = max(lengths)
        parts = torch.full((len(requests), longest), -1)  # 0 the context, 1 … its continuations, -1 padding
        positions = []
        for row, (context, continuations) in enumerate(requests):
            sizes = torch.tensor([context, *continuations])
            parts[row, : lengths[row]] = torch.arange(len(sizes)).repeat_interleave(sizes)
            positions += [torch.arange(context), *(torch.arange(context, context + n) for n in continuations)]
        self.positions = torch.cat(positions)  # (T,)
        before = torch.ones(longest, longest, dtype=torch.bool).tril()
        own = (parts[:, None, :] == 0) | (parts[:, None, :] == parts[:, :, None])
        self._visible = before & own | torch.eye(longest, dtype=torch.bool)  # padding sees itself: no empty row

    def __call__(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:  # noqa: ARG002  all layers alike
        """q (T, H, K), k and v (T, G, K) → (T, H, K)."""
        keys, values = (self._padding.pad(x).transpose(1, 2) for x in (k, v))  # (N, G, L, K)
        return self._padding.strip(_masked(self._padding.pad(q), keys, values, self._visible))


class _Padding:
    """Between a flat stream and rows of one length, padded on the right."""

    def __init__(self, lengths: Sequence[int]) -> None:
        self._shape = (len(lengths), max(lengths))
        kept = torch.arange(self._shape[1]) < torch.tensor(lengths)[:, None]
        self.keep = kept.flatten().nonzero()[:, 0]  # (T,) places of the real tokens
        self._dense = len(self.keep) == kept.numel()

    def pad(self, x: Tensor) -> Tensor:
        """(T, ·, K) → (N, Q, ·, K)."""
        if self._dense:
            return x.unflatten(0, self._shape)
        padded = x.new_zeros(self._shape[0] * self._shape[1], *x.shape[1:])
        padded[self.keep] = x
        return padded.unflatten(0, self._shape)

    def strip(self, x: Tensor) -> Tensor:
        """(N, Q, ·, K) → (T, ·, K)."""
        flat = x.flatten(0, 1)
        return flat if self._dense else flat[self.keep]


def _masked(q: Tensor, keys: Tensor, values: Tensor, visible: Tensor) -> Tensor:
    """q (N, Q, H, K), keys and values (N, G, L, K), visible (N, Q, L) → (N, Q, H, K)."""
    rows, steps, heads, width = q.shape
    groups = keys.shape[1]
    grouped = q.unflatten(2, (groups, heads // groups)).permute(0, 2, 3, 1, 4)  # (N, G, R, Q, K)
    scores = (grouped.reshape(rows, groups, -1, width) @ keys.mT).float() * width**-0.5  # (N, G, R·Q, L)
    scores = scores.unflatten(2, (-1, steps)).masked_fill(~visible[:, None, None], float("-inf"))
    shares = scores.softmax(-1).to(values.dtype).flatten(2, 3)
    seen = (shares @ values).unflatten(2, (-1, steps))  # (N, G, R, Q, K)
    return seen.permute(0, 3, 1, 2, 4).reshape(rows, steps, heads, width)
