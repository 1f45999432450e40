"""Train now or wait: a model's value decays, and so does the cost of training its like.

Both halve in a year by default, as the talk has it. Published evidence is faster: the compute for equal quality halves
in 8 months (95%: 5 to 14; Ho et al. 2024, arXiv 2403.05812), prices of equal quality fell tenfold a year (Appenzeller
2024, "LLMflation"), a half-life of 0.3 years.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from danlu.compute.economics.assumption import assumed, checked
from danlu.compute.words import money


@dataclass(frozen=True, slots=True)
class Decay:
    """How fast both sides fall."""

    value_half_life: float = assumed(
        1.0, "years", "in which what a model of this quality earns halves", "assumption of the talk", least=0.01
    )
    cost_half_life: float = assumed(
        1.0,
        "years",
        "in which the cost of training this quality halves",
        "assumption; arXiv 2403.05812: 0.67",
        least=0.01,
    )
    longest_wait: float = assumed(3.0, "years", "that one could wait", "assumption")

    def __post_init__(self) -> None:
        checked(self)


@dataclass(frozen=True, slots=True)
class Waiting:
    """wait_years: the best delay, None for never train. profit_usd: then; now_usd: of training today."""

    wait_years: float | None
    profit_usd: float
    now_usd: float

    @property
    def words(self) -> str:
        """The answer in a sentence."""
        if self.wait_years is None:
            return f"Do not train it: the model never earns its cost (today it would lose {money(-self.now_usd)})."
        if self.wait_years == 0:
            return (
                f"Train now: it earns {money(self.now_usd)} beyond its cost, and every delay loses more than it saves."
            )
        return (
            f"Wait {self.wait_years:.1f} years: training gets cheaper faster than the model loses value "
            f"({money(self.profit_usd)} gained then, {money(self.now_usd)} today)."
        )


def worth_usd(usd_a_year: float, wait_years: float, half_life: float) -> float:
    """All that a model earns from then on, if it would earn usd_a_year in a first year without decay, today."""
    return float(usd_a_year * half_life / math.log(2) * 0.5 ** (wait_years / half_life))


def train_now_or_wait(cost_usd: float, usd_a_year: float, decay: Decay | None = None) -> Waiting:
    """When to train: worth V·2^(-w/h) less cost C·2^(-w/k) after w years is greatest. usd_a_year: at today's pace.

    With equal half-lives waiting shrinks gain and loss alike: now or never. If cost falls faster, the slope is zero at
    w = log2(C·h / (V·k)) / (1/k - 1/h). If value falls faster, a delay never helps.
    """
    known = decay or Decay()
    h, k = known.value_half_life, known.cost_half_life

    def profit(wait: float) -> float:
        return worth_usd(usd_a_year, wait, h) - float(cost_usd * 0.5 ** (wait / k))

    best = 0.0
    if k < h and usd_a_year > 0:
        at = math.log2(cost_usd * h / (worth_usd(usd_a_year, 0, h) * k)) / (1 / k - 1 / h)
        best = min(max(at, 0.0), known.longest_wait)
    gained = profit(best)
    return Waiting(best if gained > 0 else None, gained, profit(0.0))
