"""A number with its 80% interval: what every prediction of compute/ is."""

from __future__ import annotations

import math
from dataclasses import dataclass

Z80 = 1.2816  # 80% of a normal distribution lie within so many standard deviations


@dataclass(frozen=True, slots=True)
class Estimate:
    """A positive quantity in the unit of its context: the median, and the bounds that hold it four times in five."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, sigma: float) -> Estimate:
        """sigma: standard deviation of log(actual / predicted), as published runs showed it."""
        spread = math.exp(Z80 * sigma)
        return cls(value, value / spread, value * spread)
