"""Which packs a step trains on: a pure function of the data, the seed and the recipe, so a resume need not remember it.

T tokens of one micro-batch, all its documents in a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from danlu.errors import DataError
from danlu.tokens import Document, Shards


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """ids (T,), lengths of the documents in it, and `predicting`: positions whose next token is supervised."""

    ids: Tensor
    lengths: tuple[int, ...]
    predicting: Tensor

    @classmethod
    def of(cls, documents: Sequence[Document]) -> MicroBatch:
        """Lay documents in a row. A document's first token is never a target: nothing stands before it."""
        ids = torch.from_numpy(np.concatenate([d.ids for d in documents])).long()
        target = np.concatenate([np.concatenate(([False], d.mask[1:])) for d in documents])
        predicting = torch.from_numpy(np.flatnonzero(target) - 1)
        return cls(ids, tuple(len(d.ids) for d in documents), predicting)

    @property
    def targets(self) -> Tensor:
        """Ids to predict, one for each of `predicting`."""
        return self.ids[self.predicting + 1]


@dataclass(frozen=True, slots=True)
class Plan:
    """Packs of every step, in order, and how many tokens each step holds."""

    steps: tuple[tuple[int, ...], ...]
    tokens: tuple[int, ...]


def plan(shards: Shards, *, epochs: float, batch_tokens: int, max_tokens: int | None, seed: int) -> Plan:
    """Whole packs, shuffled anew each epoch, at most `batch_tokens` a step (always at least one pack)."""
    sizes = [sum(len(d.ids) for d in shards.pack(i)) for i in range(len(shards))]
    if not sizes:
        raise DataError("the data holds no pack to train on.")
    budget = epochs * sum(sizes) if max_tokens is None else min(max_tokens, epochs * sum(sizes))
    steps: list[tuple[int, ...]] = []
    current: list[int] = []
    spent = 0
    for pack in _order(len(sizes), seed):
        if spent + sizes[pack] > budget and (steps or current):
            break
        if current and sum(sizes[p] for p in current) + sizes[pack] > batch_tokens:
            steps.append(tuple(current))
            current = []
        current.append(pack)
        spent += sizes[pack]
    steps.append(tuple(current))
    return Plan(tuple(steps), tuple(sum(sizes[p] for p in step) for step in steps))


def micro_batches(shards: Shards, packs: Sequence[int], limit: int | None) -> list[MicroBatch]:
    """A step's packs in forward passes of at most `limit` tokens, or one pack each."""
    groups: list[list[Document]] = []
    for number in packs:
        pack = shards.pack(number)
        size = sum(len(d.ids) for d in pack)
        if limit is not None and groups and sum(len(d.ids) for d in groups[-1]) + size <= limit:
            groups[-1].extend(pack)
        else:
            groups.append(pack)
    return [MicroBatch.of(documents) for documents in groups]


def largest(shards: Shards, steps: Sequence[Sequence[int]], limit: int | None) -> MicroBatch:
    """The micro-batch that takes the most memory: the one with the most tokens, and of those the most supervised."""
    found = (micro for packs in steps for micro in micro_batches(shards, packs, limit))
    return max(found, key=lambda micro: (len(micro.ids), len(micro.predicting)))


def _order(packs: int, seed: int) -> Iterator[int]:
    epoch = 0
    while True:
        yield from np.random.default_rng([seed, epoch]).permutation(packs).tolist()
        epoch += 1
