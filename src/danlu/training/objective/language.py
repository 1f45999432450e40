"""Cross-entropy of the next token, over supervised positions only, in chunks: the full logits are never held.

N supervised positions, D model width, V vocabulary, C positions of a chunk.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from danlu.model import kernels

CHUNK = 512  # positions: with V = 49,152 some 100 MB of fp32 logits


class _SummedLoss(Function):
    """Sum of −log p(target). The gradient is computed beside the loss, chunk by chunk, and scaled in backward."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: Tensor, targets: Tensor) -> Tensor:
        """hidden (N, D), head (V, D), targets (N,) → ()."""
        total = torch.zeros((), dtype=torch.float32)
        needs_hidden, needs_head, _ = ctx.needs_input_grad
        into_hidden = torch.empty_like(hidden) if needs_hidden else None
        into_head = torch.zeros_like(head, dtype=torch.float32) if needs_head else None
        for start in range(0, len(hidden), CHUNK):
            part = slice(start, start + CHUNK)
            losses, error = kernels.cross_entropy(hidden[part] @ head.T, targets[part])  # (C,), (C, V)
            total += losses.sum()
            if into_hidden is not None:
                into_hidden[part] = error @ head
            if into_head is not None:
                into_head += error.T @ hidden[part]
        ctx.save_for_backward(into_hidden, into_head)
        ctx.head_dtype = head.dtype
        return total

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        into_hidden, into_head = ctx.saved_tensors
        return (
            None if into_hidden is None else (into_hidden * grad.to(into_hidden.dtype)),
            None if into_head is None else (into_head * grad).to(ctx.head_dtype),
            None,
        )


def summed_loss(hidden: Tensor, head: Tensor, targets: Tensor) -> Tensor:
    """Sum over positions of −log p(target), in nats: hidden (N, D), head (V, D), targets (N,) → ()."""
    return _SummedLoss.apply(hidden, head, targets)
