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
from danlu.model import PackedAttention
from danlu.tokens import Document, Shards, shared_beginnings

Sizes = Mapping[int, tuple[int, int]]
"""Tokens of each pack: all, and those that are supervised."""


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """Documents in a row, what they begin with alike (a system prompt, say) only once.

    ids (T,); lengths: tokens that each document adds to the row, after those at its `beginnings` (PackedAttention's);
    predicting (P,): positions whose next token is supervised, and `targets` (P,), those tokens.
    """

    ids: Tensor
    lengths: tuple[int, ...]
    beginnings: tuple[slice | None, ...]
    predicting: Tensor
    targets: Tensor

    @classmethod
    def of(cls, documents: Sequence[Document]) -> MicroBatch:
        """Lay documents in a row. A document's first token is never a target: nothing stands before it."""
        shares = shared_beginnings([d.ids for d in documents])
        row: list[np.ndarray] = []
        begun: list[slice | None] = []
        predicting: list[np.ndarray] = []
        starts: list[int] = []
        end = 0
        for document, (first, shared) in zip(documents, shares, strict=True):
            holder = starts[first] if first < len(starts) else end
            starts.append(end)
            row.append(document.ids[shared:])
            begun.append(slice(holder, holder + shared) if shared else None)
            place = np.concatenate((np.arange(holder, holder + shared), np.arange(end, end + len(row[-1]))))
            predicting.append(place[np.flatnonzero(document.mask[1:])])
            end += len(row[-1])
        targets = np.concatenate([d.ids[1:][d.mask[1:]] for d in documents])
        return cls(
            torch.from_numpy(np.concatenate(row)).long(),
            tuple(map(len, row)),
            tuple(begun),
            torch.from_numpy(np.concatenate(predicting)),
            torch.from_numpy(targets).long(),
        )

    def attention(self) -> PackedAttention:
        """Attention inside each of its documents."""
        return PackedAttention(self.lengths, self.beginnings)


@dataclass(frozen=True, slots=True)
class Plan:
    """Packs of every step, in order. tokens, supervised: of each step."""

    steps: tuple[tuple[int, ...], ...]
    tokens: tuple[int, ...]
    supervised: tuple[int, ...]
    sizes: Sizes


def plan(shards: Shards, *, epochs: float, batch_tokens: int, max_tokens: int | None, seed: int) -> Plan:
    """Whole packs, shuffled anew each epoch, at most `batch_tokens` a step (always at least one pack).

    A step holds no pack twice: three passes over little data are three steps, not one of three copies.
    """
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
        if current and (pack in current or sum(tokens[p] for p in current) + tokens[pack] > batch_tokens):
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
