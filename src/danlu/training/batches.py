"""Which packs a step trains on: a pure function of the data, the seed and the recipe, so a resume need not remember it.

T tokens of one micro-batch, all its documents in a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from danlu.errors import DataError
from danlu.tokens import Document, Shards

Sizes = Mapping[int, tuple[int, int]]
"""Tokens of each pack: all, and those that are supervised."""


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
    """Packs of every step, in order. tokens, supervised: of each step."""

    steps: tuple[tuple[int, ...], ...]
    tokens: tuple[int, ...]
    supervised: tuple[int, ...]
    sizes: Sizes


def plan(shards: Shards, *, epochs: float, batch_tokens: int, max_tokens: int | None, seed: int) -> Plan:
    """Whole packs, shuffled anew each epoch, at most `batch_tokens` a step (always at least one pack)."""
    sizes = {number: _size(shards.pack(number)) for number in range(len(shards))}
    if not sizes:
        raise DataError("the data holds no pack to train on.")
    tokens, supervised = zip(*sizes.values(), strict=True)
    budget = epochs * sum(tokens) if max_tokens is None else min(max_tokens, epochs * sum(tokens))
    steps: list[tuple[int, ...]] = []
    current: list[int] = []
    spent = 0
    for pack in _order(len(sizes), seed):
        if spent + tokens[pack] > budget and (steps or current):
            break
        if current and sum(tokens[p] for p in current) + tokens[pack] > batch_tokens:
            steps.append(tuple(current))
            current = []
        current.append(pack)
        spent += tokens[pack]
    steps.append(tuple(current))
    in_steps, learnt = (tuple(sum(count[p] for p in step) for step in steps) for count in (tokens, supervised))
    return Plan(tuple(steps), in_steps, learnt, sizes)


def micro_batches(shards: Shards, packs: Sequence[int], limit: int | None) -> list[MicroBatch]:
    """A step's packs in forward passes of at most `limit` tokens, or one pack each."""
    read = {pack: shards.pack(pack) for pack in packs}
    sizes = {pack: _size(documents) for pack, documents in read.items()}
    return [MicroBatch.of([d for p in group for d in read[p]]) for group in _groups(sizes, packs, limit)]


def largest(sizes: Sizes, shares: Iterable[Sequence[int]], limit: int | None) -> tuple[int, ...]:
    """Packs of the micro-batch that takes the most memory: most tokens, and of those the most supervised."""
    groups = (group for packs in shares for group in _groups(sizes, packs, limit))
    return max(groups, key=lambda group: tuple(sum(sizes[pack][part] for pack in group) for part in (0, 1)))


def deal(sizes: Sizes, packs: Sequence[int], ranks: int) -> list[list[int]]:
    """A step's packs in as many shares of about as many tokens, each in the step's order.

    The longest pack goes first, each to the share that has least.
    """
    places: list[list[int]] = [[] for _ in range(ranks)]
    tokens = [0] * ranks
    for place in sorted(range(len(packs)), key=lambda place: -sizes[packs[place]][0]):
        least = tokens.index(min(tokens))
        places[least].append(place)
        tokens[least] += sizes[packs[place]][0]
    return [[packs[place] for place in sorted(share)] for share in places]


def _size(documents: Sequence[Document]) -> tuple[int, int]:
    return sum(len(d.ids) for d in documents), sum(int(d.mask[1:].sum()) for d in documents)


def _groups(sizes: Sizes, packs: Sequence[int], limit: int | None) -> list[tuple[int, ...]]:
    groups: list[tuple[int, ...]] = []
    taken = 0
    for pack in packs:
        tokens, _ = sizes[pack]
        if limit is not None and groups and taken + tokens <= limit:
            groups[-1] += (pack,)
            taken += tokens
        else:
            groups.append((pack,))
            taken = tokens
    return groups


def _order(packs: int, seed: int) -> Iterator[int]:
    epoch = 0
    while True:
        yield from np.random.default_rng([seed, epoch]).permutation(packs).tolist()
        epoch += 1
