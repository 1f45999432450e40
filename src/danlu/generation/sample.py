"""From logits to the next token. V vocabulary."""

from __future__ import annotations

import torch
from torch import Tensor

from danlu.generation.protocol import Sampling


def source(sampling: Sampling, request: int) -> torch.Generator:
    """The random numbers of one request of a call."""
    return torch.Generator().manual_seed((sampling.seed * 1_000_003 + request) % 2**63)


def choose(logits: Tensor, sampling: Sampling, draws: torch.Generator) -> int:
    """logits (V,) float32 → a token id."""
    if sampling.temperature == 0:
        return int(logits.argmax())
    shares = torch.softmax(logits / sampling.temperature, dim=-1)
    if sampling.min_p > 0:
        shares = torch.where(shares >= sampling.min_p * shares.max(), shares, 0)
    ordered, ids = shares.sort(descending=True, stable=True)
    if sampling.top_p < 1:
        ordered = ordered / ordered.sum()
        ordered[1:][ordered.cumsum(0)[:-1] >= sampling.top_p] = 0  # the first token always stays
    reached = ordered.double().cumsum(0)
    drawn = torch.rand((), generator=draws, dtype=torch.float64) * reached[-1]
    return int(ids[int(torch.searchsorted(reached, drawn, right=True).clamp(max=int((ordered > 0).sum()) - 1))])
