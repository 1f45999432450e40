"""What a rank computes with, alone or beside others: a decoder in training and the packs that it learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from danlu.model import Decoder, load, lora
from danlu.recipe import Lora, Training
from danlu.tokens import Shards
from danlu.training.batches import micro_batches
from danlu.training.gradient import gradient
from danlu.training.masters import Masters

_TYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}


@dataclass(frozen=True, slots=True)
class Worker:
    """The recipe and the packs; the decoder, with what is trained of it; and masters, where gradients are summed."""

    config: Training
    shards: Shards
    decoder: Decoder
    masters: Masters

    @classmethod
    def ready(cls, config: Training, base: Path, shards: Shards) -> Worker:
        """Load the base, and give it adapters or free its weights."""
        decoder = load(base, _TYPES[config.precision])
        if isinstance(config.adapter, Lora):
            lora.attach(decoder, config.adapter.rank, config.adapter.alpha, config.adapter.targets, config.seed)
        else:
            decoder.requires_grad_(True)
        return cls(config, shards, decoder, Masters(decoder))

    def gradient(self, packs: Sequence[int], count: int) -> float:
        """Add the packs' part of the gradient of a step to the masters'; returns their part of its loss.

        count: supervised tokens of the whole step, of which the packs may be a share.
        """
        batch = micro_batches(self.shards, packs, self.config.micro_batch_tokens)
        return gradient(self.decoder, batch, count=count, recompute=self.config.recompute)
