"""Whole documents into packs by best fit. Source: Ding et al. 2024, arXiv 2404.10830 (best-fit decreasing)."""

from __future__ import annotations

import random
from bisect import bisect_left, insort
from collections.abc import Sequence


def pack(lengths: Sequence[int], capacity: int, seed: int) -> list[list[int]]:
    """Numbers of the documents in each pack: every document once, no pack longer than `capacity`.

    The longest is placed first, each into the fullest pack that still takes it. Among documents of one length, and
    in the order of packs, the seed decides. lengths: in tokens, none above `capacity`.
    """
    rng = random.Random(seed)  # random() alone, whose sequence Python promises to keep
    order = sorted(_shuffled(len(lengths), rng), key=lambda number: -lengths[number])
    packs: list[list[int]] = []
    room: list[tuple[int, int]] = []  # (tokens left, pack), sorted
    for number in order:
        assert 0 < lengths[number] <= capacity
        place = bisect_left(room, (lengths[number], 0))
        if place == len(room):
            left, chosen = capacity, len(packs)
            packs.append([])
        else:
            left, chosen = room.pop(place)
        packs[chosen].append(number)
        insort(room, (left - lengths[number], chosen))
    return [packs[number] for number in _shuffled(len(packs), rng)]


def _shuffled(count: int, rng: random.Random) -> list[int]:
    return [number for _, number in sorted((rng.random(), number) for number in range(count))]
