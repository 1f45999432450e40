"""Settings that fit the data, each derived from what was counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, inf
from typing import Literal

import numpy as np

_ROUND = 64  # lengths are rounded up to a multiple
_SHORTEST = 256  # packs hold several rows, so a longer one costs nothing
_DROPPED = 0.02  # share of tokens beyond which longer rows are split rather than dropped
_STEP_TOKENS = 4096  # of one optimiser step at most
_PASS_TOKENS = 2048  # computed at one time: of a model with 135M parameters some 1.5 GB
_LARGE = 1e9  # parameters
_STEPS = 40  # at least about so many, so that the schedule has a shape
_BUDGET = 300_000  # tokens that a laptop's CPU trains on in some twenty minutes at 135M parameters
_EPOCHS = ((50_000, 3.0), (150_000, 2.0))  # up to so many tokens, so many passes
_LRS = ((300e6, 1e-3), (1e9, 5e-4), (inf, 2e-4))  # up to so many parameters
_REPLY = (32, 256)


@dataclass(frozen=True, slots=True)
class Measured:
    """What settings are derived from: tokens of each trained row and each reply, and the model's own size."""

    lengths: Sequence[int]
    replies: Sequence[int]
    context: int
    num_parameters: int


@dataclass(frozen=True, slots=True)
class Settings:
    """The numbers of a recipe that depend on the data. num_tokens: of the rows kept, replay left out."""

    max_length: int
    overlong: Literal["drop", "split"]
    num_longer: int
    lost_tokens: float
    lr: float
    epochs: float
    max_tokens: int | None
    batch_tokens: int
    micro_batch_tokens: int | None
    max_new_tokens: int
    num_tokens: int

    @property
    def trained_tokens(self) -> int:
        """Tokens that the run trains on, replay left out."""
        return round(min(self.num_tokens * self.epochs, self.max_tokens or inf))

    @property
    def num_steps(self) -> int:
        """Optimiser steps, about: packs are never quite full."""
        return ceil(self.trained_tokens / self.batch_tokens)


def choose(measured: Measured) -> Settings:
    """Settings for the rows."""
    lengths = np.asarray(measured.lengths)
    length = fitting_length(measured)
    longer = lengths[lengths > length]
    lost = float(longer.sum() / lengths.sum())
    overlong: Literal["drop", "split"] = "drop" if lost <= _DROPPED else "split"
    num_tokens = int(lengths[lengths <= length].sum()) if overlong == "drop" else int(lengths.sum())
    epochs = next((passes for most, passes in _EPOCHS if num_tokens <= most), 1.0)
    max_tokens = _BUDGET if num_tokens * epochs > _BUDGET else None
    trained = min(num_tokens * epochs, max_tokens or inf)
    packs = max(int(min(trained / _STEPS, _STEP_TOKENS) // length), 1)
    return Settings(
        max_length=length,
        overlong=overlong,
        num_longer=len(longer),
        lost_tokens=lost if overlong == "drop" else 0.0,
        lr=next(lr for most, lr in _LRS if measured.num_parameters < most),
        epochs=epochs,
        max_tokens=max_tokens,
        batch_tokens=packs * length,
        micro_batch_tokens=_together(measured, packs * length, length),
        max_new_tokens=_rounded(percentile(measured.replies, 95), 16, *_REPLY),
        num_tokens=num_tokens,
    )


def _together(measured: Measured, batch_tokens: int, length: int) -> int | None:
    """Tokens of one forward pass, where that is more than a pack's: of a small model, whose activations are small."""
    if measured.num_parameters >= _LARGE or min(batch_tokens, _PASS_TOKENS) // length < 2:
        return None
    return min(batch_tokens, _PASS_TOKENS)


def fitting_length(measured: Measured) -> int:
    """The 99th percentile of the lengths, rounded up; the longest if that is little more; never past the context."""
    longest, most = max(measured.lengths), percentile(measured.lengths, 99)
    return _rounded(
        longest if longest <= 1.5 * most else most, _ROUND, min(_SHORTEST, measured.context), measured.context
    )


def percentile(values: Sequence[int], percent: float) -> int:
    """The smallest value that at least `percent` of the values do not exceed."""
    return int(np.percentile(np.asarray(values), percent, method="inverted_cdf"))


def _rounded(value: int, multiple: int, least: int, most: int) -> int:
    return int(min(max(ceil(value / multiple) * multiple, least), most))
