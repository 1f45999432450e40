"""Near-copies among many texts: word n-grams as hashes, MinHash signatures, and buckets that near-copies share.

Sources: Broder 1997 (MinHash); Leskovec, Rajaraman & Ullman, Mining of Massive Datasets, ch. 3 (banding); Lee et al.
2022, arXiv 2107.06499 (its use on training data). Nothing here depends on Python's own string hashes.

S shingles of a text, P permutations of a signature, B bands of R values each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Signature = NDArray[np.uint32]

_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that multiplying loses no bit
_FOUND = 0.995  # least probability that a pair right at the threshold shares a bucket
_BLOCK = 8192  # shingles hashed at once: a book must not need gigabytes


class Shingles:
    """Texts as hashed word n-grams. A text shorter than n words is one shingle, one without words is none."""

    def __init__(self, n: int) -> None:
        self._n = n
        self._words: dict[str, int] = {}

    def sequence(self, tokens: Sequence[str]) -> Hashes:
        """(S,) one hash for each n-gram, in the order of the text."""
        hashes = np.fromiter(map(self._word, tokens), np.uint64, len(tokens))
        n = min(self._n, len(tokens))
        total = np.zeros(len(tokens) - n + 1 if n else 0, np.uint64)
        for offset in range(n):
            total = total * _BASE + hashes[offset : offset + len(total)]
        return _mix(total + np.uint64(n))

    def of(self, tokens: Sequence[str]) -> Hashes:
        """(S,) the set of n-grams, as sorted hashes."""
        return np.unique(self.sequence(tokens))

    def _word(self, word: str) -> int:
        known = self._words.get(word)
        if known is None:
            digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
            known = self._words[word] = int.from_bytes(digest, "little")
        return known


class MinHash:
    """Signatures whose share of equal places estimates the Jaccard similarity of two sets."""

    def __init__(self, permutations: int) -> None:
        drawn = hashlib.shake_256(b"danlu minhash").digest(16 * permutations)
        factors, terms = np.frombuffer(drawn, "<u8").astype(np.uint64).reshape(2, permutations)
        self._factors, self._terms = factors | np.uint64(1), terms

    def signature(self, shingles: Hashes) -> Signature:
        """(P,) the least value of the set under each permutation; the empty set has the largest values."""
        least = np.full(len(self._factors), np.iinfo(np.uint32).max, np.uint32)
        for start in range(0, len(shingles), _BLOCK):
            block = shingles[start : start + _BLOCK, None] * self._factors + self._terms  # (S, P)
            least = np.minimum(least, (block.min(axis=0) >> np.uint64(32)).astype(np.uint32))
        return least


def estimate(left: Signature, right: Signature) -> float:
    """Estimated Jaccard similarity; its standard error is at most 1 / (2 √P)."""
    return float(np.mean(left == right))


def jaccard(left: Hashes, right: Hashes) -> float:
    """Jaccard similarity of two sets given as sorted hashes; two empty sets share nothing."""
    if not len(left) or not len(right):
        return 0.0
    common = len(np.intersect1d(left, right, assume_unique=True))
    return common / (len(left) + len(right) - common)


def banding(permutations: int, threshold: float) -> tuple[int, int]:
    """(B, R): the longest bands under which a pair of similarity `threshold` still shares one almost surely."""
    for length in range(permutations, 1, -1):
        bands = permutations // length
        if 1 - (1 - threshold**length) ** bands >= _FOUND:
            return bands, length
    return permutations, 1


class NearCopies:
    """Texts seen so far, each asked for the first earlier one that it is a near-copy of.

    Buckets only propose: every pair is verified by the exact Jaccard similarity of its n-grams, so no copy is claimed
    that is none, and a pair at the threshold is missed in at most one of 200 cases.
    """

    def __init__(self, *, ngram: int, permutations: int, threshold: float) -> None:
        self._threshold = threshold
        self._shingles = Shingles(ngram)
        self._minhash = MinHash(permutations)
        self._bands, self._length = banding(permutations, threshold)
        self._buckets: list[dict[int, list[int]]] = [{} for _ in range(self._bands)]
        self._sets: list[Hashes] = []

    def find_or_add(self, tokens: Sequence[str]) -> int | None:
        """The number, from 0, of the first added text that this one is a near-copy of; if none, None, and it is added.

        A text without words is added and never found: there is nothing to compare.
        """
        shingles = self._shingles.of(tokens)
        keys = self._keys(self._minhash.signature(shingles)) if len(shingles) else []
        proposed = {number for bucket, key in zip(self._buckets, keys, strict=False) for number in bucket.get(key, ())}
        for number in sorted(proposed):
            if self._alike(shingles, self._sets[number]):
                return number
        for bucket, key in zip(self._buckets, keys, strict=False):
            bucket.setdefault(key, []).append(len(self._sets))
        self._sets.append(shingles)
        return None

    def _keys(self, signature: Signature) -> list[int]:
        """One key for each band."""
        bands = signature[: self._bands * self._length].reshape(self._bands, self._length).astype(np.uint64)
        key = np.zeros(self._bands, np.uint64)
        for column in bands.T:
            key = _mix(key * _BASE + column)
        found: list[int] = key.tolist()
        return found

    def _alike(self, left: Hashes, right: Hashes) -> bool:
        small, large = sorted((len(left), len(right)))
        return small >= self._threshold * large and jaccard(left, right) >= self._threshold


def _mix(values: Hashes) -> Hashes:
    """Spread every bit over all others (the finaliser of SplitMix64, Steele, Lea & Flood 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
