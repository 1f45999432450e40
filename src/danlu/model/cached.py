"""Attention for inference: over a cache of keys and values, and over a context that several continuations share.

A token's result does not depend, to the bit, on what else is in the batch. Three things make it so. A sequence's own
arithmetic is cut where its positions say, never where the batch does. A masked key's share is exactly 0, and adding
zeros at the end changes no sum. And torch's kernels compute a row alike whatever the number of rows, once the rows are
filled up by `filling` (measured on x86, docs/generation.md).

T new tokens of all sequences in a row, N sequences, C tokens in a block, L positions of the cache in use, H heads,
G key-value heads, R = H / G queries that share a key, K head width, S slots.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.functional import pad

from danlu.model.config import DecoderConfig
from danlu.model.rope import Rope

_BLOCK = 64  # positions: the cache grows by so many, and a prompt is read by so many
_SCORES = 1 << 22  # held at once, for all heads, in scoring
_ONEDNN = 16**3  # multiplications of a bf16 product from which torch hands it to oneDNN, which rounds otherwise


def filling(rows: int, dtype: torch.dtype) -> int:
    """How many rows to add, so that every kernel computes each row alike: fp32 products of few rows round otherwise,
    and so do functions of the last few elements that fill no vector. bf16 products needed nothing here; another CPU
    may have a kernel for one row."""
    return -rows % (16 if dtype == torch.float32 else 4)


class Cache:
    """Keys and values of S sequences, layer by layer: each (S, G, L, K)."""

    def __init__(self, config: DecoderConfig, slots: int, dtype: torch.dtype) -> None:
        empty = torch.empty(slots, config.num_kv_heads, 0, config.head_width, dtype=dtype)
        self.keys = [empty] * config.num_layers
        self.values = [empty] * config.num_layers

    @staticmethod
    def slot_bytes(config: DecoderConfig, dtype: torch.dtype, length: int) -> int:
        """What one slot takes when the longest sequence has `length` positions."""
        return 2 * config.num_layers * config.num_kv_heads * config.head_width * dtype.itemsize * _up(length)

    def grow(self, length: int) -> None:
        """Make room for `length` positions in every slot."""
        missing = _up(length) - self.keys[0].shape[2]
        if missing > 0:
            for layers in (self.keys, self.values):
                for layer, held in enumerate(layers):
                    layers[layer] = pad(held, (0, 0, 0, missing))

    def copy(self, source: int, target: int, length: int) -> None:
        """Give slot `target` the first `length` positions of slot `source`."""
        for layers in (self.keys, self.values):
            for held in layers:
                held[target, :, :length] = held[source, :, :length]


class PrefillAttention:
    """Many new tokens a sequence: they see what their slot holds, and one another, and are added to it.

    Each sequence is computed by itself, in blocks that begin at the same positions wherever its new part begins.
    """

    def __init__(self, cache: Cache, slots: Sequence[int], starts: Sequence[int], lengths: Sequence[int]) -> None:
        """For each of N sequences: its slot, how much of the slot is filled, and how many new tokens it brings."""
        cache.grow(max(start + length for start, length in zip(starts, lengths, strict=True)))
        self._cache = cache
        self._later = torch.arange(_BLOCK) > torch.arange(_BLOCK)[:, None]  # (C, C)
        self._new: list[tuple[int, slice, slice]] = []  # slot, its positions, its tokens in the stream
        self._blocks: list[tuple[int, slice, slice]] = []  # the same, cut into blocks
        offset = 0
        for slot, start, length in zip(slots, starts, lengths, strict=True):
            end, behind = start + length, offset - start  # behind: from a position to its place in the stream
            self._new.append((slot, slice(start, end), slice(offset, offset + length)))
            cuts = [start, *range(_up(start + 1), end, _BLOCK), end]
            for first, last in pairwise(cuts):
                self._blocks.append((slot, slice(first, last), slice(first + behind, last + behind)))
            offset += length
        self.positions = torch.cat([torch.arange(p.start, p.stop) for _, p, _ in self._new])  # (T,)

    def __call__(self, layer: int, q: Tensor, k: Tensor, v: Tensor, rope: Rope) -> Tensor:
        """q (T, H, K), k and v (T, G, K) → (T, H, K). Tokens behind those that were announced are padding."""
        q, k = rope.rotate(q), rope.rotate(k)
        keys, values = self._cache.keys[layer], self._cache.values[layer]
        for slot, positions, tokens in self._new:
            keys[slot, :, positions] = k[tokens].transpose(0, 1)
            values[slot, :, positions] = v[tokens].transpose(0, 1)
        out = torch.zeros_like(q)
        groups = keys.shape[1]
        for slot, positions, tokens in self._blocks:
            end = _up(positions.stop)
            rows = q[tokens].unflatten(1, (groups, -1)).transpose(0, 1)  # (G, C, R, K)
            inside = slice(positions.start - end + _BLOCK, positions.stop - end + _BLOCK)
            shared = rows.shape[2]
            unseen = pad(self._later[inside], (end - _BLOCK, 0)).repeat_interleave(shared, 0)[None]  # (1, C·R, L)
            seen = _attend(rows.flatten(1, 2), keys[slot, :, :end], values[slot, :, :end], unseen, groups)
            out[tokens] = seen.unflatten(1, (-1, shared)).transpose(0, 1).flatten(1, 2)
        return out


class DecodeAttention:
    """One new token a sequence: it sees all that its slot holds, and is added to it. Sequence n is in slot n."""

    def __init__(self, cache: Cache, filled: Sequence[int]) -> None:
        """How much of each of the first N slots is filled."""
        cache.grow(max(filled) + 1)
        self._cache = cache
        self.positions = torch.tensor(filled)  # (T,)
        self._slots = torch.arange(len(filled))
        self._length = _up(max(filled) + 1)
        self._unseen = (torch.arange(self._length) > self.positions[:, None])[:, None]  # (N, 1, L)

    def __call__(self, layer: int, q: Tensor, k: Tensor, v: Tensor, rope: Rope) -> Tensor:
        """q (T, H, K), k and v (T, G, K) → (T, H, K). Tokens behind the first N are padding."""
        q, k = rope.rotate(q), rope.rotate(k)
        keys, values = self._cache.keys[layer], self._cache.values[layer]
        count, groups = len(self._slots), keys.shape[1]
        keys[self._slots, :, self.positions] = k[:count]
        values[self._slots, :, self.positions] = v[:count]
        rows = q[:count].unflatten(1, (groups, -1)).flatten(0, 1)  # (N·G, R, K)
        keys, values = (x[:count, :, : self._length].flatten(0, 1) for x in (keys, values))  # (N·G, L, K)
        seen = _attend(rows, keys, values, self._unseen.repeat_interleave(groups, 0), groups)
        return pad(seen.reshape(count, *q.shape[1:]), (0, 0, 0, 0, 0, len(q) - count))


class SharedContext:
    """A request is a context and continuations of it; each continuation sees the context and itself.

    A request's tokens stand in a row: context, first continuation, second, … . Requests are padded to one length.
    Nothing is kept afterwards.
    """

    def __init__(self, requests: Sequence[tuple[int, Sequence[int]]]) -> None:
        """For each of N requests: length of the context, lengths of its continuations."""
        lengths = torch.tensor([context + sum(continuations) for context, continuations in requests])
        self._shape = (len(requests), _up(int(lengths.max())))
        parts = torch.full(self._shape, -1)  # 0 the context, 1 … its continuations, -1 padding
        positions = []
        for row, (context, continuations) in enumerate(requests):
            sizes = torch.tensor([context, *continuations])
            parts[row, : int(lengths[row])] = torch.arange(len(sizes)).repeat_interleave(sizes)
            positions += [torch.arange(context), *(torch.arange(context, context + n) for n in continuations)]
        self.positions = torch.cat(positions)  # (T,)
        self._parts = parts
        self._kept = (parts >= 0).flatten().nonzero()[:, 0]  # (T,) places of the real tokens among N·L

    def __call__(self, layer: int, q: Tensor, k: Tensor, v: Tensor, rope: Rope) -> Tensor:  # noqa: ARG002  all layers alike
        """q (T, H, K), k and v (T, G, K) → (T, H, K). Tokens behind those that were announced are padding."""
        q, k = rope.rotate(q), rope.rotate(k)
        groups = k.shape[1]
        shared = q.shape[1] // groups
        rows = self._padded(q).unflatten(2, (groups, shared)).transpose(1, 2).flatten(0, 1)  # (N·G, L, R, K)
        keys, values = (self._padded(x).transpose(1, 2).flatten(0, 1) for x in (k, v))  # (N·G, L, K)
        count, longest = self._shape
        out = torch.empty_like(rows)
        step = max(_BLOCK, _SCORES // (count * q.shape[1] * longest) // _BLOCK * _BLOCK)
        for first in range(0, longest, step):
            end = min(first + step, longest)  # nobody looks behind its own block
            unseen = self._unseen(first, end).repeat_interleave(groups, 0).repeat_interleave(shared, 1)  # (N·G, C·R, L)
            seen = _attend(rows[:, first:end].flatten(1, 2), keys[:, :end], values[:, :end], unseen, groups)
            out[:, first:end] = seen.unflatten(1, (-1, shared))
        seen = out.unflatten(0, (count, groups)).transpose(1, 2).reshape(count * longest, *q.shape[1:])
        return pad(seen[self._kept], (0, 0, 0, 0, 0, len(q) - len(self._kept)))

    def _unseen(self, first: int, end: int) -> Tensor:
        """(N, C, end): True where a query of the block may not look. Padding sees the context: no row is empty."""
        own = self._parts[:, first:end, None]  # (N, C, 1)
        others = self._parts[:, None, :end]
        later = torch.arange(end) > torch.arange(first, end)[:, None]
        return ((others != 0) & (others != own)) | later

    def _padded(self, x: Tensor) -> Tensor:
        """(T, ·, K) → (N, L, ·, K)."""
        padded = x.new_zeros(self._shape[0] * self._shape[1], *x.shape[1:])
        padded[self._kept] = x[: len(self._kept)]
        return padded.unflatten(0, self._shape)


def _attend(rows: Tensor, keys: Tensor, values: Tensor, unseen: Tensor, groups: int) -> Tensor:
    """rows (N·G, M, K), keys and values (N·G, L, K), unseen (N·G or 1, M or 1, L) → as rows, rounded as in training.

    Rows are added so that a sequence's are computed alike whatever N is: in fp32 by `filling`; in bf16, among whose
    kernels no number of rows stands out, until one sequence alone is large enough for the kernel that many take.
    """
    count = rows.shape[1]
    if rows.dtype == torch.float32:
        missing = filling(count, rows.dtype)
    else:
        missing = max(0, _ONEDNN // (groups * keys[0].numel()) + 1 - count)
    if missing:
        rows = pad(rows, (0, 0, 0, missing))
        unseen = pad(unseen, (0, 0, 0, missing)) if unseen.shape[1] == count else unseen
    scores = (rows @ keys.mT).mul_(rows.shape[-1] ** -0.5).masked_fill_(unseen, float("-inf"))
    return (scores.softmax(-1) @ values)[:, :count]


def _up(length: int) -> int:
    return -(-length // _BLOCK) * _BLOCK
