"""Held-out rows by group: what asks almost the same stands on one side, so that evaluation asks for more than memory.

Two dialogues belong together when their users' turns share half of their word 5-grams, or open with the same
question; two texts when they share half of theirs. Replies do not count: a team's set phrases would make all of its
rows one group. Pairs are found exactly, by the prefix filter of Bayardo, Ma & Srikant 2007 (All-Pairs): two sets
that are alike share one of their rarest members.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from math import ceil

from danlu.data.row import Row
from danlu.data.wording import spoken
from danlu.errors import DataError
from danlu.text.words import ngrams, words

_NGRAM = 5
_ALIKE = 0.5  # lower than for deduplication: a copy that is half new still tells the answer
_OPENING_WORDS = 5  # "Hi" opens many dialogues that have nothing in common
MIN_GROUPS = 20
LEAST, MOST = 8, 200  # held-out rows: fewer show nothing, more take long to ask


def group_rows(rows: Sequence[Row]) -> list[int]:
    """A group number for each row, from 0 in order of first appearance."""
    groups = _Groups(len(rows))
    openings: dict[tuple[str, ...], int] = {}
    for index, row in enumerate(rows):
        if row.text is None:
            groups.join(openings.setdefault(_opening(row), index), index)
    for left, right in _alike([_shingles(row) for row in rows]):
        groups.join(left, right)
    numbers: dict[int, int] = {}
    return [numbers.setdefault(groups.root(index), len(numbers)) for index in range(len(rows))]


def split_by_group(
    rows: Sequence[Row],
    share: float = 0.1,
    seed: int = 0,
    *,
    groups: Sequence[int] | None = None,
    least: int = LEAST,
    most: int = MOST,
) -> tuple[list[Row], list[Row]]:
    """(train, held-out), each in the order of `rows`; no group stands on both sides.

    About `share` of the rows are held out, but at least `least` groups and, where groups allow it, between `least`
    and `most` rows. groups: of `group_rows`, where the caller has them. Raises DataError for fewer than 20 groups.
    """
    numbers = list(group_rows(rows) if groups is None else groups)
    sizes = Counter(numbers)
    if len(sizes) < MIN_GROUPS:
        raise DataError(
            f"{len(rows)} rows, of which {len(sizes)} differ: too few to hold some out and still tell whether the "
            f"model got better. danlu needs at least {MIN_GROUPS} rows that are no copies of one another."
        )
    target = min(max(round(len(rows) * share), least), most)
    first = {number: index for index, number in reversed(list(enumerate(numbers)))}
    order = sorted(sizes, key=lambda number: _draw(seed, spoken(rows[first[number]])))
    held: set[int] = set()
    num_held = 0
    small = max(target // least, 1)  # a large group would take the place of many questions
    for number in [n for n in order if sizes[n] <= small]:
        if num_held + sizes[number] <= target:
            held.add(number)
            num_held += sizes[number]
    for number in sorted(order, key=lambda n: sizes[n]):
        if len(held) >= least:
            break
        held.add(number)
    sides: tuple[list[Row], list[Row]] = ([], [])
    for row, number in zip(rows, numbers, strict=True):
        sides[number in held].append(row)
    return sides


class _Groups:
    """Union-find (Tarjan 1975): the smallest index of a group is its root, so that numbers do not depend on order."""

    def __init__(self, size: int) -> None:
        self._parent = list(range(size))

    def root(self, index: int) -> int:
        while self._parent[index] != index:
            self._parent[index] = self._parent[self._parent[index]]
            index = self._parent[index]
        return index

    def join(self, left: int, right: int) -> None:
        low, high = sorted((self.root(left), self.root(right)))
        self._parent[high] = low


def _draw(seed: int, text: str) -> str:
    """A place in the order that depends on the row's words alone: rows added later do not reshuffle the rest."""
    return hashlib.sha256(f"{seed}\0{text}".encode()).hexdigest()


def _asked(row: Row) -> list[str]:
    """The words by which a row is compared: the user's; all of them where the user says next to nothing."""
    said = [word for m in row.messages if m["role"] == "user" for word in words(m["content"])]
    return said if len(said) >= _OPENING_WORDS else words(spoken(row))


def _opening(row: Row) -> tuple[str, ...]:
    """The words of the user's first turns, as many as it takes to ask something."""
    opening: list[str] = []
    for message in row.messages:
        if message["role"] == "user" and len(opening) < _OPENING_WORDS:
            opening += words(message["content"])
    return tuple(opening if len(opening) >= _OPENING_WORDS else words(spoken(row)))


def _shingles(row: Row) -> frozenset[tuple[str, ...]]:
    said = _asked(row)
    return frozenset(ngrams(said, _NGRAM)) if len(said) > _NGRAM else frozenset([tuple(said)])


def _alike(sets: Sequence[frozenset[tuple[str, ...]]]) -> list[tuple[int, int]]:
    """Every pair of sets whose Jaccard similarity is at least the threshold."""
    rarity = Counter(member for members in sets for member in members)
    index: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    pairs = []
    for number, members in enumerate(sets):
        rarest = sorted(members, key=lambda member: (rarity[member], member))
        prefix = rarest[: len(members) - ceil(_ALIKE * len(members)) + 1]
        for other in sorted({o for member in prefix for o in index[member]}):
            common = len(members & sets[other])
            if common >= _ALIKE * (len(members) + len(sets[other]) - common):
                pairs.append((other, number))
        for member in prefix:
            index[member].append(number)
    return pairs
