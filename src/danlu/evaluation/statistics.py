"""Paired, clustered comparison of two arms on the same items: an interval, and an exact test that agrees with it.

Sources: Miller 2024, arXiv 2411.00640 (paired differences, clustered standard errors); MacKinnon, Nielsen and Webb
2023, arXiv 2205.03285 (the jackknife variance CV3, and t with clusters - 1 degrees of freedom); McNemar 1947 (the
exact test); Hall 1992, The Bootstrap and Edgeworth Expansion, 3.8 (the correction of an interval for skewness); Kish
1965, Survey Sampling (what observations of unequal size are worth); Tango 1998, Statistics in Medicine 17 (the score
interval of matched pairs, for its limit without any discordant pair).

n items, G clusters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]

MIN_CLUSTERS = 6
"""Fewer can claim nothing: with five, even five wins out of five have an exact p of 2/32 = 0.06."""
LEVEL = 0.95
CORRELATION = 0.3
"""Of items within a cluster, where it has to be assumed because it cannot be measured."""
_ENUMERATED = 13  # differing clusters up to which all 2^k sign patterns are tried
_DRAWN = 9_999


@dataclass(frozen=True, slots=True)
class Difference:
    """tuned - base over n items in `clusters` clusters, with its 95% interval and the exact p of no difference.

    se: its standard error. An end of the interval is infinite where nothing bounds it (a single cluster).
    """

    base: float
    tuned: float
    diff: float
    ci95: tuple[float, float]
    se: float
    p: float
    n: int
    clusters: int

    @property
    def can_claim(self) -> bool:
        """Whether there are clusters enough for any claim."""
        return self.clusters >= MIN_CLUSTERS


def paired(
    base: Sequence[float],
    tuned: Sequence[float],
    clusters: Sequence[str],
    *,
    sizes: Sequence[float] | None = None,
    bound: float = math.inf,
) -> Difference:
    """Compare two arms item by item. bound: the largest difference that an item can show (1 for shares).

    The estimate is the mean of the n differences. Its variance is the jackknife over clusters: equal to the usual
    cluster-robust variance when clusters are of one size, and not too small when they are not. Items without any
    cluster in common are clusters of one.

    sizes: where items are totals (the bits of a document) and the estimate is a ratio of sums, what they are totals
    over (its bytes). A cluster then is as large as its items' sizes, and the jackknife, which leaves it out of both
    sums, takes in that the lower one varies too. The t interval has as many degrees of freedom as clusters of one
    size would (Kish 1965): one long document among many short ones is hardly more than one observation.

    Three things that a t interval gets wrong are mended, each by widening alone. Where differences go one way only,
    their skewness moves that end outwards (without this, a guard whose items only ever fall held in 7% of simulated
    evaluations instead of 2.5%). Where hardly anything differs, a t interval shrinks to a point: with a bound it is
    never narrower than the score interval of as many independent items without a single difference. And where the
    exact test cannot rule out "no difference", the interval holds 0.
    """
    assert len(base) == len(tuned) == len(clusters) > 0
    a, b = np.asarray(base, np.float64), np.asarray(tuned, np.float64)
    per_item = np.ones(len(a)) if sizes is None else np.asarray(sizes, np.float64)
    assert len(per_item) == len(a) and (per_item > 0).all()
    sums, whole = _by_cluster(b - a, clusters), _by_cluster(per_item, clusters)
    n = float(whole.sum())
    diff = float(sums.sum() / n)
    se = _jackknife(sums, whole)
    p = sign_flip(sums)
    observations = len(whole) if sizes is None else max(n**2 / float((whole**2).sum()), 2.0)
    low, high = _interval(diff, se, (n, len(whole), observations), _skewness(sums - diff * whole), bound)
    if p > 1 - LEVEL:
        low, high = min(low, 0.0), max(high, 0.0)
    return Difference(float(a.sum() / n), float(b.sum() / n), diff, (low, high), se, p, len(a), len(whole))


def _by_cluster(values: Floats, clusters: Sequence[str]) -> Floats:
    """The sum of each cluster's values, in the order of first appearance."""
    number = {name: i for i, name in enumerate(dict.fromkeys(clusters))}
    index = np.array([number[name] for name in clusters])
    return np.bincount(index, weights=values).astype(np.float64)  # the type stubs say int


def _jackknife(sums: Floats, sizes: Floats) -> float:
    """Standard error of sums.sum() / sizes.sum() by leaving one cluster out at a time (CV3); inf for one cluster."""
    count = len(sums)
    if count < 2:
        return math.inf
    total, n = sums.sum(), sizes.sum()
    without = (total - sums) / (n - sizes)
    return float(np.sqrt((count - 1) / count * np.sum((without - total / n) ** 2)))


def _skewness(residuals: Floats) -> float:
    spread = float(np.mean(residuals**2))
    return float(np.mean(residuals**3)) / spread**1.5 if spread > 1e-18 else 0.0


def _interval(
    diff: float, se: float, counts: tuple[float, int, float], skewness: float, bound: float
) -> tuple[float, float]:
    """counts: items, clusters, and the observations that these are worth."""
    n, count, observations = counts
    if count < 2:
        return -bound, bound
    t = float(special.stdtrit(observations - 1, (1 + LEVEL) / 2))
    lean = skewness * (1 + 2 * t**2) / (6 * math.sqrt(observations))
    below, above = se * (t + max(0.0, -lean)), se * (t + max(0.0, lean))
    least = 0.0
    if math.isfinite(bound):
        z2 = float(special.ndtri((1 + LEVEL) / 2)) ** 2
        least = bound * z2 / (independent(n, count) + z2)
    return max(diff - max(below, least), -bound), min(diff + max(above, least), bound)


def independent(n: float, clusters: int) -> float:
    """How many independent items n items are worth, at the correlation assumed within clusters (Kish 1965)."""
    return n / (1 + (n / clusters - 1) * CORRELATION)


def sign_flip(sums: Floats) -> float:
    """Two-sided p of "swapping the arms within any cluster changes nothing", from the clusters' sums of differences.

    Exact by enumeration, or drawn (seeded) where there are too many patterns. Where all sums that are not 0 have one
    size it is the binomial test on wins and losses; with clusters of one item that is McNemar's exact test.
    """
    differing = sums[np.abs(sums) > 1e-12]
    k = len(differing)
    if k == 0:
        return 1.0
    size = np.abs(differing)
    if np.allclose(size, size[0], rtol=1e-9, atol=0):
        wins = int((differing > 0).sum())
        return min(1.0, 2 * float(special.bdtr(min(wins, k - wins), k, 0.5)))
    observed = abs(differing.sum())
    extreme = np.abs(_signs(k) @ differing) >= observed * (1 - 1e-9)
    if k <= _ENUMERATED:
        return float(extreme.mean())
    return float((extreme.sum() + 1) / (_DRAWN + 1))


@lru_cache(maxsize=1)
def _signs(k: int) -> Floats:
    """(patterns, k) of +1 and -1: every pattern, or a seeded draw of them."""
    if k <= _ENUMERATED:
        return np.array(list(product((1.0, -1.0), repeat=k)))
    return np.random.default_rng(k).choice((1.0, -1.0), size=(_DRAWN, k))
