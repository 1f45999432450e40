"""Causal attention of short documents on a CPU: batched matrix products over blocks of queries.

What lies above the diagonal is not computed, but for one block's triangle, and backward computes the probabilities
again, so nothing quadratic in L is kept. Source of both ideas: Dao et al. 2022, arXiv 2205.14135. torch's own kernel
for CPUs takes twice the time (docs/log.md).

N documents, L length, H heads, G key-value heads, R = H / G queries that share a key, K head width, C queries a block.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

_BLOCK = 64


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """q (N, L, H, K), k and v (N, L, G, K) → (N, L, H, K)."""
    documents, length, heads, width = q.shape
    groups = k.shape[2]
    shared = heads // groups
    # a position's R queries lie beside one another, so a block of positions is one slice
    rows = q.unflatten(2, (groups, shared)).transpose(1, 2).reshape(documents * groups, length * shared, width)
    keys, values = (x.transpose(1, 2).reshape(documents * groups, length, width) for x in (k, v))
    seen = _Causal.apply(rows, keys, values, shared)
    return seen.view(documents, groups, length, shared, width).transpose(1, 2).reshape(q.shape)


class _Causal(Function):
    """rows (N·G, L·R, K), keys and values (N·G, L, K) → (N·G, L·R, K)."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, keys: Tensor, values: Tensor, shared: int) -> Tensor:
        out = torch.empty_like(rows)
        for block, end, probabilities in _blocks(rows, keys, shared):
            torch.bmm(probabilities, values[:, :end], out=out[:, block])
        ctx.save_for_backward(rows, keys, values)
        ctx.shared = shared
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        rows, keys, values = ctx.saved_tensors
        wide = torch.promote_types(rows.dtype, torch.float32)  # several blocks add to one key
        into_rows = torch.empty_like(rows)
        into_keys, into_values = torch.zeros_like(keys, dtype=wide), torch.zeros_like(values, dtype=wide)
        for block, end, probabilities in _blocks(rows, keys, ctx.shared):
            part = grad[:, block]
            into_values[:, :end] += probabilities.mT @ part
            error = part @ values[:, :end].mT
            error = torch._softmax_backward_data(error, probabilities, -1, rows.dtype)
            error *= rows.shape[-1] ** -0.5
            into_rows[:, block] = error @ keys[:, :end]
            into_keys[:, :end] += error.mT @ rows[:, block]
        return into_rows, into_keys.to(keys.dtype), into_values.to(values.dtype), None


def _blocks(rows: Tensor, keys: Tensor, shared: int) -> Iterator[tuple[slice, int, Tensor]]:
    """Each block of queries, the end of what it sees, and its probabilities (N·G, C·R, end)."""
    length = keys.shape[1]
    steps = torch.arange(min(_BLOCK, length))
    later = (steps[None, :] > steps[:, None]).repeat_interleave(shared, 0)  # (C·R, C)
    for start in range(0, length, _BLOCK):
        end = min(start + _BLOCK, length)
        block = slice(start * shared, end * shared)
        scores = (rows[:, block] @ keys[:, :end].mT).mul_(rows.shape[-1] ** -0.5)
        scores[:, :, start:].masked_fill_(later[: (end - start) * shared, : end - start], float("-inf"))
        yield block, end, scores.softmax(-1)
