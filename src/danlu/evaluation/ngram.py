"""An n-gram model over bytes, the baseline that a model from scratch has to beat: interpolated modified Kneser-Ney.

Sources: Chen & Goodman 1998, An Empirical Study of Smoothing Techniques for Language Modeling (TR-10-98, 3 and 4.1:
three discounts, from counts of counts); Heafield et al. 2013 (n-grams that begin a document keep their own counts).

N symbols of training text, M of scored text: bytes, and before each document `order` marks that it begins there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MAX_ORDER = 12
MAX_BYTES = 1 << 25
"""Of training text; the rest would take more memory than the model that it is compared with."""
_BEGIN = 256
_BASE = 257  # symbols
_WORSE = 2  # longer contexts in a row that do not help end the search


def bits(training: Sequence[bytes], documents: Sequence[bytes], order: int) -> list[Floats]:
    """Bits of each byte of each document, after all bytes before it in its document.

    order: bytes of an n-gram, its context included. The probabilities of the 256 bytes after any context sum to 1.
    """
    scored = _symbols(documents, order)
    *_, found = _orders(_symbols(training, order), scored, order)
    byte_bits = -np.log2(found[scored != _BEGIN])
    return np.split(byte_bits, np.cumsum([len(document) for document in documents])[:-1])


def best_order(training: Sequence[bytes], validation: Sequence[bytes]) -> int:
    """The order with the fewest bits on validation text, which must not be what is scored in the end."""
    scored = _symbols(validation, MAX_ORDER)
    real = scored != _BEGIN
    best, least, worse = 1, np.inf, 0
    for order, found in enumerate(_orders(_symbols(training, MAX_ORDER), scored, MAX_ORDER), start=1):
        total = float(-np.log2(found[real]).sum())
        best, least, worse = (order, total, 0) if total < least else (best, least, worse + 1)
        if worse == _WORSE:
            break
    return best


def _symbols(documents: Sequence[bytes], order: int) -> Ints:
    begin = np.full(order, _BEGIN, np.int64)
    return np.concatenate([part for d in documents for part in (begin, np.frombuffer(d, np.uint8))]).astype(np.int64)


def _orders(training: Ints, scored: Ints, most: int) -> Iterator[Floats]:
    """(M,) probabilities of the scored symbols under the models of order 1, 2, …, `most`.

    Under a model of order n, only n-grams are counted as often as they occur; shorter ones count in how many ways
    they are continued to the left. So the tables of shorter ones serve every order, and one is held at a time.
    """
    # An id for the context that ends before each symbol, the same in both texts; -1 where training never saw it.
    context, asked = np.zeros(len(training), np.int64), np.zeros(len(scored), np.int64)
    lower = np.full(len(scored), 1 / 256)
    real = training != _BEGIN
    begins = np.zeros(len(training), np.bool_)  # whether the n-gram that ends at a symbol begins with a mark
    for order in range(1, most + 1):
        grams, gram = _numbered(context * _BASE + training)
        wanted = asked * _BASE + scored
        place = np.minimum(np.searchsorted(grams, wanted), len(grams) - 1)
        place = np.where((asked >= 0) & (grams[place] == wanted), place, -1)
        counts = np.bincount(gram[real], minlength=len(grams))
        yield _Table.of(grams, counts).probabilities(asked, place, lower)
        before = _shifted(training, order)
        continued = np.sort((gram * _BASE + before)[real])  # np.unique hashes, which takes five times as long
        ways = np.bincount(continued[_firsts(continued)] // _BASE, minlength=len(grams))
        kept = np.zeros(len(grams), np.bool_)
        kept[gram[begins & real]] = True
        lower = _Table.of(grams, np.where(kept, counts, ways)).probabilities(asked, place, lower)
        context, asked, begins = _shifted(gram, 1), _shifted(place, 1), before == _BEGIN


def _numbered(keys: Ints) -> tuple[Ints, Ints]:
    """The different keys in order, and the number of each among them, as np.unique gives them.

    A key and its place are sorted as one number, which numpy does many times faster than sorting places by key.
    """
    bits = len(keys).bit_length()
    assert int(keys.max()).bit_length() + bits < 64, "MAX_BYTES keeps both in one number"
    packed = np.sort(keys << bits | np.arange(len(keys)))
    found, places = packed >> bits, packed & ((1 << bits) - 1)
    first = _firsts(found)
    numbers = np.empty(len(keys), np.int64)
    numbers[places] = np.cumsum(first) - 1
    return found[first], numbers


def _firsts(values: Ints) -> NDArray[np.bool_]:
    """Whether each of the sorted values differs from the one before it."""
    return np.concatenate([[True], values[1:] != values[:-1]])


def _shifted(values: Ints, by: int) -> Ints:
    """What stands `by` places before each; marks before the first, which no context of a byte reaches."""
    return np.concatenate([np.full(by, _BEGIN, np.int64), values[:-by]])


@dataclass(frozen=True, slots=True)
class _Table:
    """Counts of n-grams, and of each context their sum and the mass that their discounts leave to shorter ones."""

    discounted: Floats
    total: Floats
    left: Floats

    @classmethod
    def of(cls, grams: Ints, counts: Ints) -> _Table:
        """grams: context * 257 + symbol, sorted. Discounts: 0 for what was never seen, then for 1, 2, and 3 or more."""
        discounts = _discounts(counts)[np.minimum(counts, 3)]
        contexts = grams // _BASE
        size = int(contexts[-1]) + 1
        return cls(
            counts - discounts,
            np.bincount(contexts, weights=counts, minlength=size).astype(np.float64),  # the type stubs say int
            np.bincount(contexts, weights=discounts, minlength=size).astype(np.float64),
        )

    def probabilities(self, asked: Ints, place: Ints, lower: Floats) -> Floats:
        """asked: contexts, place: n-grams, -1 where there is none; lower: by the context that is one shorter."""
        known = (asked >= 0) & (asked < len(self.total))
        context = np.where(known, asked, 0)
        total = np.where(known, self.total[context], 0.0)
        known = total > 0
        own = np.where(place >= 0, self.discounted[place], 0.0)
        return np.where(known, (own + self.left[context] * lower) / np.where(known, total, 1.0), lower)


def _discounts(counts: Ints) -> Floats:
    """(4,) by Chen & Goodman's formulas; where they give none, half a count: no byte may be impossible."""
    of = [0, *(int((counts == n).sum()) for n in (1, 2, 3, 4))]
    found = np.array([0.0, 0.5, 0.5, 0.5])
    if all(of[1:]):
        y = of[1] / (of[1] + 2 * of[2])
        formulas = [n - (n + 1) * y * of[n + 1] / of[n] for n in (1, 2, 3)]
        found[1:] = [discount if discount > 0 else 0.5 for discount in formulas]
    return found
