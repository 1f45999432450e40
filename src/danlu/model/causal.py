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
from danlu.model.kernels import Layout, gather, scatter
from danlu.model.rope import Rope

_BLOCK = 128


def attend(q: Tensor, k: Tensor, v: Tensor, rope: Rope, layouts: Sequence[Layout]) -> Tensor:
    """q (T, H, K), k and v (T, G, K) → (T, H, K): each document by itself, q and k rotated.

    layouts: every document in one of them.
    """
    seen: Tensor = _Causal.apply(q, k, v, rope, layouts)
    return seen


class _Causal(Function):
    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Tensor:
        q, k, v, rope, layouts = inputs
        out, groups, kept = torch.empty_like(q), k.shape[1], []
        for layout in layouts:
            rows, keys = (gather(layout.token, x, groups, rope) for x in (q, k))  # (N·G, L·R, K), (N·G, L, K)
            values = gather(layout.token, v, groups, None)
            seen = torch.empty_like(rows)
            for block, end, probabilities in _blocks(rows, keys):
                torch.bmm(probabilities, values[:, :end], out=seen[:, block])
            scatter(seen, layout.own, None, out)
            kept += [rows, keys, values]
        ctx.save_for_backward(*kept)
        ctx.rope, ctx.layouts, ctx.shapes = rope, layouts, (q.shape, k.shape)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        grad = grad.contiguous()
        into_q, into_k, into_v = (grad.new_empty(shape) for shape in (ctx.shapes[0], ctx.shapes[1], ctx.shapes[1]))
        keys_shared, values_shared = _Shared(into_k, ctx.rope), _Shared(into_v, None)
        kept = iter(ctx.saved_tensors)
        for layout, rows, keys, values in zip(ctx.layouts, kept, kept, kept, strict=True):
            seen = gather(layout.own, grad, ctx.shapes[1][1], None)
            into_rows, into_keys, into_values = _grads(seen, rows, keys, values)
            scatter(into_rows, layout.own, ctx.rope, into_q)
            keys_shared.scatter(into_keys, layout)
            values_shared.scatter(into_values, layout)
        keys_shared.finish()
        values_shared.finish()
        return into_q, into_k, into_v, None, None


class _Shared:
    """Gradients (N·G, L, K) put into their tokens of `stream`; those of tokens that several documents see are added
    up in fp32 first, document by document."""

    def __init__(self, stream: Tensor, rope: Rope | None) -> None:
        self._stream, self._rope = stream, rope
        self._sum: Tensor | None = None  # (T, G, K)
        self._tokens: list[Tensor] = []

    def scatter(self, laid: Tensor, layout: Layout) -> None:
        scatter(laid.to(self._stream.dtype), layout.single, self._rope, self._stream)
        if layout.several is None:
            return
        rows = laid.unflatten(0, (len(layout.token), -1)).transpose(1, 2)[layout.several]  # (·, G, K)
        if self._sum is None:
            self._sum = rows.new_zeros(self._stream.shape)
        self._tokens.append(layout.token[layout.several])
        self._sum.index_add_(0, self._tokens[-1], rows)

    def finish(self) -> None:
        if self._sum is not None:
            tokens = torch.cat(self._tokens).unique()
            summed = self._sum[tokens].to(self._stream.dtype)
            self._stream[tokens] = summed if self._rope is None else self._rope.of(tokens).back().rotate(summed)


def _grads(grad: Tensor, rows: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients for rows, keys and values, given that of what the rows see; the last two in fp32."""
    wide = torch.promote_types(rows.dtype, torch.float32)  # several blocks add to one key
    into_rows = torch.empty_like(rows)
    into_keys, into_values = torch.zeros_like(keys, dtype=wide), torch.zeros_like(values, dtype=wide)
    for block, end, probabilities in _blocks(rows, keys):
        part = grad[:, block]
        into_values[:, :end] += probabilities.mT @ part
        error = kernels.softmax_grad(part @ values[:, :end].mT, probabilities, rows.shape[-1] ** -0.5)
        into_rows[:, block] = error @ keys[:, :end]
        into_keys[:, :end] += error.mT @ rows[:, block]
    return into_rows, into_keys, into_values


def _blocks(rows: Tensor, keys: Tensor) -> Iterator[tuple[slice, int, Tensor]]:
    """Each block of queries, the end of what it sees, and its probabilities (N·G, C·R, end)."""
    length = keys.shape[1]
    shared = rows.shape[1] // length
    for start in range(0, length, _BLOCK):
        end = min(start + _BLOCK, length)
        block = slice(start * shared, end * shared)
        scores = rows[:, block] @ keys[:, :end].mT
        yield block, end, kernels.causal_softmax(scores, start, shared, rows.shape[-1] ** -0.5)
