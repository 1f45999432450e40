"""Learning rate over the steps: a linear warm-up, then the recipe's shape."""

from __future__ import annotations

import math

from danlu.recipe import Schedule


def factor(schedule: Schedule, step: int, steps: int) -> float:
    """Share of the peak learning rate at `step`, counted from 0, of `steps`.

    The warm-up reaches the peak at its last step and never starts at zero: no step is spent on nothing. Shapes:
    cosine (Loshchilov & Hutter 2017, arXiv 1608.03983), linear, constant, wsd (Hu et al. 2024, arXiv 2404.06395).
    """
    assert 0 <= step < steps
    warmup = round(schedule.warmup * steps)
    if step < warmup:
        return (step + 1) / warmup
    # 0 at the first step after the warm-up, 1 at the last step of all
    done = (step - warmup) / max(1, steps - 1 - warmup)
    match schedule.kind:
        case "constant":
            return 1.0
        case "cosine":
            left = 0.5 * (1 + math.cos(math.pi * done))
        case "linear":
            left = 1 - done
        case "wsd":
            left = min(1.0, (1 - done) / schedule.decay)
    return schedule.final + (1 - schedule.final) * left
