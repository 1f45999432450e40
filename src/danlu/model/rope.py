"""Rotary position embedding. Sources: Su et al. 2021, arXiv 2104.09864; "linear" scaling: Chen et al. 2023,
arXiv 2306.15595; "llama3" scaling: the Llama 3.1 model card and transformers' implementation of it.

T time, H heads, K head width.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from danlu.errors import CheckpointError


@dataclass(frozen=True, slots=True)
class RopeConfig:
    """Base of the angles, and how they are stretched for longer contexts."""

    theta: float = 10_000.0
    kind: str = "default"
    scaling: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def from_hf(cls, config: Mapping[str, Any]) -> RopeConfig:
        """Read `rope_parameters`, or the older `rope_theta` with `rope_scaling`."""
        given = dict(config.get("rope_parameters") or config.get("rope_scaling") or {})
        kind = given.pop("rope_type", None) or given.pop("type", None) or "default"
        given.pop("type", None)
        theta = given.pop("rope_theta", None) or config.get("rope_theta", 10_000.0)
        if kind not in {"default", "linear", "llama3"}:
            raise CheckpointError(f"rope scaling {kind!r} is not supported; danlu knows default, linear, llama3.")
        if given.pop("partial_rotary_factor", 1.0) != 1.0:
            raise CheckpointError("config.json rotates only a part of each head, which danlu's decoder cannot.")
        return cls(float(theta), kind, given)

    def frequencies(self, head_width: int) -> Tensor:
        """(K/2) float32, radians per position."""
        exponent = torch.arange(0, head_width, 2, dtype=torch.float32) / head_width
        plain = 1.0 / self.theta**exponent
        if self.kind == "linear":
            return plain / self.scaling["factor"]
        if self.kind == "llama3":
            return self._llama3(plain)
        return plain

    def _llama3(self, plain: Tensor) -> Tensor:
        factor, low, high = (self.scaling[k] for k in ("factor", "low_freq_factor", "high_freq_factor"))
        turns = self.scaling["original_max_position_embeddings"] * plain / (2 * math.pi)
        smooth = ((turns - low) / (high - low)).clamp(0, 1)  # 0: stretched in full, 1: left alone
        return plain * (smooth + (1 - smooth) / factor)


@dataclass(frozen=True, slots=True)
class Rope:
    """Angles for every position, computed once per batch and shared by all layers.

    cos, sin: (T, K), each half the same. Halves are rotated against each other, the Hugging Face layout.
    """

    cos: Tensor
    sin: Tensor

    @classmethod
    def at(cls, positions: Tensor, frequencies: Tensor, dtype: torch.dtype) -> Rope:
        """positions (T,) restart at 0 for each packed document, so packing needs nothing else here."""
        angles = positions[:, None].float() * frequencies  # (T, K/2): bf16 would lose position 4,097
        both = torch.cat((angles, angles), dim=-1)  # (T, K)
        return cls(both.cos().to(dtype), both.sin().to(dtype))

    def rotate(self, heads: Tensor) -> Tensor:
        """heads (T, H, K) → (T, H, K)."""
        left, right = heads.chunk(2, dim=-1)
        return heads * self.cos[:, None] + torch.cat((-right, left), dim=-1) * self.sin[:, None]

    def back(self) -> Rope:
        """The rotation that undoes this one."""
        return Rope(self.cos, -self.sin)

    def of(self, tokens: Tensor) -> Rope:
        """The angles of some tokens."""
        return Rope(self.cos[tokens], self.sin[tokens])
