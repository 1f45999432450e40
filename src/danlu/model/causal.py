"""Causal attention of short documents on a CPU: batched matrix products over blocks of queries.

What lies above the diagonal is not computed, but for one block's triangle, and backward computes the probabilities
again, so nothing quadratic in L is kept. Source of both ideas: Dao et al. 2022, arXiv 2205.14135. torch's own kernel
for CPUs takes twice the time (docs/log.md).

T tokens of all documents in a row, H heads, G key-value heads, R = H / G queries that share a key, K head width,
N documents of similar length, L longest of them, C queries a block.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from danlu.model import kernels
from danlu.model.kernels import Layout
from danlu.model.rope import Rope

_BLOCK = 64


def attend(q: Tensor, k: Tensor, v: Tensor, rope: Rope, layouts: Sequence[Layout]) -> Tensor:
    """q (T, H, K), k and v (T, G, K) → (T, H, K): each document by itself, q and k rotated.

    layouts: every token in exactly one of them.
    """
    seen: Tensor = _Causal.apply(q, k, v, rope, layouts)
    return seen


class _Causal(Function):
    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Tensor:
        q, k, v, rope, layouts = inputs
        out, groups, kept = torch.empty_like(q), k.shape[1], []
        for layout in layouts:
            rows = layout.gather(q, groups, rope)  # (N·G, L·R, K)
            keys, values = layout.gather(k, groups, rope), layout.gather(v, groups, None)  # (N·G, L, K)
            seen = torch.empty_like(rows)
            for block, end, probabilities in _blocks(rows, keys):
                torch.bmm(probabilities, values[:, :end], out=seen[:, block])
            layout.scatter(seen, None, out)
            kept += [rows, keys, values]
        ctx.save_for_backward(*kept)
        ctx.rope, ctx.layouts, ctx.shapes = rope, layouts, (q.shape, k.shape)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        grad = grad.contiguous()
        into_q, into_k, into_v = (grad.new_empty(shape) for shape in (ctx.shapes[0], ctx.shapes[1], ctx.shapes[1]))
        kept = iter(ctx.saved_tensors)
        for layout, rows, keys, values in zip(ctx.layouts, kept, kept, kept, strict=True):
            seen = layout.gather(grad, ctx.shapes[1][1], None)
            for laid, rope, stream in zip(
                _grads(seen, rows, keys, values), (ctx.rope, ctx.rope, None), (into_q, into_k, into_v), strict=True
            ):
                layout.scatter(laid, rope, stream)
        return into_q, into_k, into_v, None, None


def _grads(grad: Tensor, rows: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients for rows, keys and values, given that of what the rows see."""
    wide = torch.promote_types(rows.dtype, torch.float32)  # several blocks add to one key
    into_rows = torch.empty_like(rows)
    into_keys, into_values = torch.zeros_like(keys, dtype=wide), torch.zeros_like(values, dtype=wide)
    for block, end, probabilities in _blocks(rows, keys):
        part = grad[:, block]
        into_values[:, :end] += probabilities.mT @ part
        error = kernels.softmax_grad(part @ values[:, :end].mT, probabilities, rows.shape[-1] ** -0.5)
        into_rows[:, block] = error @ keys[:, :end]
        into_keys[:, :end] += error.mT @ rows[:, block]
    return into_rows, into_keys.to(keys.dtype), into_values.to(values.dtype)


def _blocks(rows: Tensor, keys: Tensor) -> Iterator[tuple[slice, int, Tensor]]:
    """Each block of queries, the end of what it sees, and its probabilities (N·G, C·R, end)."""
    length = keys.shape[1]
    shared = rows.shape[1] // length
    for start in range(0, length, _BLOCK):
        end = min(start + _BLOCK, length)
        block = slice(start * shared, end * shared)
        scores = rows[:, block] @ keys[:, :end].mT
        yield block, end, kernels.causal_softmax(scores, start, shared, rows.shape[-1] ** -0.5)
