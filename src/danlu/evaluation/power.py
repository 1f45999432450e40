"""What an evaluation can see: said before anything is spent, and how much more it takes when it saw too little.

Source: Miller 2024, arXiv 2411.00640, section 5 (power analysis for paired, clustered evaluations).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from scipy import special

from danlu.evaluation.row import BITS_PER_BYTE
from danlu.evaluation.statistics import CORRELATION, LEVEL, MIN_CLUSTERS, Difference, independent

POWER = 0.8
_Z = float(special.ndtri((1 + LEVEL) / 2) + special.ndtri(POWER))  # 2.80


@dataclass(frozen=True, slots=True)
class Assumption:
    """What has to be assumed before the first answer, besides the correlation within clusters.

    deviation: standard deviation of an item's difference; for right-or-wrong answers the square root of the share
    of items that change sides.
    """

    deviation: float
    words: str


# Cautious rather than likely: a light adapter changes fewer answers than this.
CHOICES = Assumption(math.sqrt(0.2), "one answer in five changes between right and wrong")
REPLIES = Assumption(0.5, "item scores differ with a standard deviation of 0.5")
REFERENCE_LOSS = Assumption(0.3, "losses differ with a standard deviation of 0.3 nats per token between rows")
TEXT_BITS = Assumption(0.1, "bits per byte differ with a standard deviation of 0.1 between documents")
TEXT_LOSS = Assumption(0.1, "losses differ with a standard deviation of 0.1 nats per token between texts")


def detectable(n: int, clusters: int, assumption: Assumption) -> float | None:
    """Smallest true difference that a two-sided 95% interval excludes 0 for in 80% of evaluations.

    None where there are too few clusters for any claim.
    """
    if clusters < MIN_CLUSTERS:
        return None
    quantiles = special.stdtrit(clusters - 1, (1 + LEVEL) / 2) + special.stdtrit(clusters - 1, POWER)
    return float(quantiles * assumption.deviation / math.sqrt(independent(n, clusters)))


def foresee(metric: str, n: int, clusters: int, assumption: Assumption, margin: float | None = None) -> dict[str, Any]:
    """An entry of the items' manifest: what will be seen, under which assumption, and whether the margin will be.

    effect is None where there are too few clusters to show anything. sentence says it all in words.
    """
    effect = detectable(n, clusters, assumption)
    entry: dict[str, Any] = {"metric": metric, "n": n, "clusters": clusters, "effect": effect}
    spread = f"{n} items" if clusters == n else f"{n} items in {clusters} groups"
    said = metric.replace("_", " ")
    if effect is None:
        return entry | {
            "assumption": assumption.words,
            "sentence": f"{said}: {spread} show nothing, whatever the difference; it takes {MIN_CLUSTERS} groups",
        }
    words = assumption.words + (f", correlated at {CORRELATION} within a group" if clusters < n else "")
    entry |= {"assumption": words, "sentence": f"{said}: {spread} show {_amount(effect, metric)} or more, if {words}"}
    if margin is None:
        return entry
    entry |= {"margin": margin, "enough": effect <= margin}
    if effect > margin:
        entry["sentence"] += f"; the margin is {_amount(margin, metric)}, so the guard may stay undecided"
    return entry


def _amount(value: float, metric: str) -> str:
    if metric == BITS_PER_BYTE:
        return f"{value:.3f} bits"
    return f"{value:.3f} nats" if metric.endswith("loss") else f"{100 * value:.1f} points"


def items_needed(difference: Difference, distance: float) -> int | None:
    """Items, of the same kind and clustering, to resolve `distance` with 80% power; None where none would do.

    distance: from the measured difference to the border it must be told from, > 0 on the wanted side.
    """
    if distance <= 0 or not math.isfinite(difference.se):
        return None
    enough = math.ceil(difference.n * (_Z * difference.se / distance) ** 2)
    fewest = math.ceil(difference.n * MIN_CLUSTERS / difference.clusters)
    return max(enough, fewest)
