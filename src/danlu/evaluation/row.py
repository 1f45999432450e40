"""A row of the result: one metric, two arms, and what may be said about them.

A row cannot be made without its interval, so neither can a claim (refusal 15).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from danlu.evaluation.statistics import Difference

Verdict = Literal["better", "not_better", "undecided"]
Held = Literal["yes", "no", "undecided"]
Better = Literal["higher", "lower"]
Unit = Literal["points", "nats", "bits"]
Against = Literal["base", "few_shot", "ngram", "zstd"]
"""An arm of the base's, or one of the baselines of a model from scratch."""
BITS_PER_BYTE = "bits_per_byte"


@dataclass(frozen=True, slots=True)
class Row:
    """`metric` of the tuned model against another arm. diff is tuned - base; `better` says which way is good.

    margin: the largest fall (for a loss: rise) that is tolerated, on guard rows that decide; None elsewhere.
    """

    metric: str
    against: Against
    difference: Difference
    better: Better = "higher"
    margin: float | None = None

    @property
    def unit(self) -> Unit:
        """Of the metric: percentage points of a share, nats per token, or bits per byte."""
        if self.better == "higher":
            return "points"
        return "bits" if self.metric == BITS_PER_BYTE else "nats"

    @property
    def gain(self) -> float:
        """The difference in the good direction."""
        return self.difference.diff if self.better == "higher" else -self.difference.diff

    @property
    def gain_ci95(self) -> tuple[float, float]:
        """The interval of `gain`."""
        low, high = self.difference.ci95
        return (low, high) if self.better == "higher" else (-high, -low)

    @property
    def verdict(self) -> Verdict:
        """better: the interval lies above 0. not_better: it ends at or below 0. Else, or of few clusters, undecided."""
        low, high = self.gain_ci95
        if not self.difference.can_claim or low <= 0 < high:
            return "undecided"
        return "better" if low > 0 else "not_better"

    @property
    def held(self) -> Held | None:
        """Whether it got no worse than the margin allows: the interval lies above -margin, below it, or holds it."""
        if self.margin is None:
            return None
        low, high = self.gain_ci95
        if self.difference.can_claim and low > -self.margin:
            return "yes"
        return "no" if self.difference.can_claim and high < -self.margin else "undecided"

    def to_json(self) -> dict[str, Any]:
        """For evaluation.json. An end that nothing bounds is null."""
        d = self.difference
        return {
            "metric": self.metric,
            "against": self.against,
            "base": d.base,
            "tuned": d.tuned,
            "diff": d.diff,
            "ci95": [end if math.isfinite(end) else None for end in d.ci95],
            "n": d.n,
            "clusters": d.clusters,
            "margin": self.margin,
            "p": d.p,
            "better": self.better,
            "verdict": self.verdict,
            "held": self.held,
        }
