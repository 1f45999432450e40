"""How fast this machine multiplies matrices of a model's shapes, and moves memory. Needs torch."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from danlu.compute import Architecture

_FOR_S = 0.25
_COPIED_BYTES = 1 << 28  # far more than any cache of a processor
_TYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}


@torch.no_grad()
def rates(model: Architecture, tokens: int) -> dict[str, float]:
    """FLOP/s ("bf16", "fp32") of one layer's products with `tokens` rows; bytes/s read and written ("memory")."""
    found = {}
    layer = (*model.attention_matrices, *model.dense_matrices)
    flops = sum(2.0 * tokens * m.inputs * m.outputs for m in layer)
    for name, dtype in _TYPES.items():
        pairs = [
            (torch.ones(tokens, m.inputs, dtype=dtype), torch.ones(m.outputs, m.inputs, dtype=dtype)) for m in layer
        ]
        found[name] = flops / _fastest(partial(_multiply, pairs))
    source = torch.ones(_COPIED_BYTES // 4)
    target = torch.empty_like(source)
    found["memory"] = 2 * _COPIED_BYTES / _fastest(partial(target.copy_, source))
    return found


def _multiply(pairs: Sequence[tuple[Tensor, Tensor]]) -> None:
    for x, weight in pairs:
        x @ weight.mT


def _fastest(once: Callable[[], object]) -> float:
    """Seconds of the fastest call in a quarter of a second, at least three: others may have taken the processor."""
    once()
    best, began, calls = float("inf"), time.perf_counter(), 0
    while calls < 3 or time.perf_counter() - began < _FOR_S:
        start = time.perf_counter()
        once()
        best = min(best, time.perf_counter() - start)
        calls += 1
    return best
