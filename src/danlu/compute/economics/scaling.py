"""How large and how long: loss from parameters and tokens, and what is best for a budget.

L(N, D) = E + A/N^alpha + B/D^beta. Sources: Hoffmann et al. 2022, arXiv 2203.15556; Besiroglu et al. 2024, arXiv
2404.10102, who fitted the same runs again (245 of them, 57M to 16B parameters, 0.2B to 318B tokens) and quote errors;
Sardana et al. 2023, arXiv 2401.00448 (served tokens count too); Muennighoff et al. 2023, arXiv 2305.16264 (repeats).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from danlu.compute.estimate import Z80, Estimate
from danlu.errors import RecipeError

TRAIN_FLOPS, SERVE_FLOPS = 6.0, 2.0  # for each parameter and token: Kaplan et al. 2020, arXiv 2001.08361
TOKENS_PER_PARAMETER = 20.0  # Hoffmann et al. 2022, in a word
REPEATS_WORTH = 15.39  # R*_D of Muennighoff et al.: repeats until 63% of all that repeating can give is had


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted law. sigma_*: standard errors of E and of both exponents, 0 where nobody quotes them.

    centre_parameters, centre_tokens: the middle of the runs; spread: their standard deviation in e-folds. A line in
    logarithms is known best in its middle: errors of A and alpha are one error, so that A/N^alpha is uncertain by
    sigma_alpha·sqrt(spread² + ln²(N/centre)), relatively. Errors of E are taken as independent, which is careful.
    """

    name: str
    irreducible: float
    a: float
    b: float
    alpha: float
    beta: float
    sigma_irreducible: float = 0.0
    sigma_alpha: float = 0.0
    sigma_beta: float = 0.0
    centre_parameters: float = 1.2e9
    centre_tokens: float = 1.2e10
    spread: float = 1.3

    def __post_init__(self) -> None:
        if min(self.irreducible, self.a, self.b) < 0 or min(self.alpha, self.beta) <= 0:
            raise RecipeError(f"fit {self.name!r}: E, A, B are at least 0, and alpha and beta above 0.")

    def loss(self, parameters: float, tokens: float) -> Estimate:
        """Nats a token on data like the fit's own, with the interval that the fit's errors give."""
        of_size, of_data = self.a / parameters**self.alpha, self.b / tokens**self.beta
        size = of_size * self.sigma_alpha * math.hypot(self.spread, math.log(parameters / self.centre_parameters))
        data = of_data * self.sigma_beta * math.hypot(self.spread, math.log(tokens / self.centre_tokens))
        value = self.irreducible + of_size + of_data
        off = Z80 * math.hypot(self.sigma_irreducible, size, data)
        return Estimate(value, max(value - off, 0.0), value + off)

    def tokens_for(self, loss: float, parameters: float) -> float:
        """Tokens with which so many parameters reach a loss; inf where they cannot."""
        left = loss - self.irreducible - self.a / parameters**self.alpha
        return (self.b / left) ** (1 / self.beta) if left > 0 else math.inf


BESIROGLU = Fit("Besiroglu 2024", 1.8172, 482.01, 2085.43, 0.3478, 0.3658, 0.03, 0.02, 0.02)
HOFFMANN = Fit("Hoffmann 2022", 1.6934, 406.4, 410.7, 0.3392, 0.2849)  # as in the source of the paper, not rounded


@dataclass(frozen=True, slots=True)
class Size:
    """A model and its training. train_flops: of training alone; serve_flops: of all tokens that it is to serve."""

    parameters: float
    tokens: float
    loss: Estimate
    train_flops: float
    serve_flops: float = 0.0

    @property
    def tokens_per_parameter(self) -> float:
        """20 or so is best for training alone; a model that serves many is trained for longer."""
        return self.tokens / self.parameters

    @property
    def flops(self) -> float:
        """Of its life."""
        return self.train_flops + self.serve_flops


def size(parameters: float, tokens: float, fit: Fit = BESIROGLU, served_tokens: float = 0.0) -> Size:
    """A model as it is asked for."""
    trained = TRAIN_FLOPS * parameters * tokens
    return Size(parameters, tokens, fit.loss(parameters, tokens), trained, SERVE_FLOPS * parameters * served_tokens)


def optimal(flops: float, fit: Fit = BESIROGLU) -> Size:
    """The least loss for a budget of training: N = G·(C/6)^(beta/(alpha+beta)), D the rest (Hoffmann's equation 4)."""
    if flops <= 0:
        raise RecipeError(f"a budget of {flops:g} FLOP trains nothing; give one above 0, such as 1e21.")
    both = fit.alpha + fit.beta
    scale = (fit.alpha * fit.a / (fit.beta * fit.b)) ** (1 / both)
    parameters = scale * (flops / TRAIN_FLOPS) ** (fit.beta / both)
    return size(parameters, flops / (TRAIN_FLOPS * parameters), fit)


def cheapest(loss: float, served_tokens: float = 0.0, fit: Fit = BESIROGLU) -> Size:
    """The model of this loss whose training and serving take the least arithmetic: 6·N·D + 2·N·served (Sardana et al.).

    Raises RecipeError for a loss that no size reaches.
    """
    if loss <= fit.irreducible:
        raise RecipeError(
            f"loss {loss:g} is below what {fit.name} holds possible; ask for more than {fit.irreducible:g}."
        )
    smallest = (fit.a / (loss - fit.irreducible)) ** (1 / fit.alpha)  # with endless data

    def life(log_size: float) -> float:
        parameters = math.exp(log_size)
        return parameters * (TRAIN_FLOPS * fit.tokens_for(loss, parameters) + SERVE_FLOPS * served_tokens)

    low = math.log(smallest)
    parameters = math.exp(_least(life, low + 1e-6, low + 12))
    return size(parameters, fit.tokens_for(loss, parameters), fit, served_tokens)


def effective_tokens(unique: float, tokens: float, worth: float = REPEATS_WORTH) -> float:
    """What `tokens` drawn from `unique` ones are worth in fresh ones: U + U·R*·(1 - exp(-R/R*)), R repeats (eq. 5)."""
    if tokens <= unique:
        return tokens
    repeats = tokens / unique - 1
    return unique * (1 + worth * -math.expm1(-repeats / worth))


def repeated(parameters: float, unique: float, epochs: float, fit: Fit = BESIROGLU) -> Size:
    """Training for several passes over scarce data; its arithmetic is that of all passes, its loss of their worth."""
    tokens = unique * epochs
    found = fit.loss(parameters, effective_tokens(unique, tokens))
    return Size(parameters, tokens, found, TRAIN_FLOPS * parameters * tokens)


def time_to_quality_s(loss: float, flops_per_s: float, fit: Fit = BESIROGLU) -> float:
    """Seconds to a loss with so much arithmetic a second (of all devices, at what they reach), by the best size."""
    return cheapest(loss, fit=fit).train_flops / flops_per_s


def _least(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function with one valley is least, by golden section."""
    ratio = (math.sqrt(5) - 1) / 2
    for _ in range(80):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, right) if function(left) <= function(right) else (left, high)
    return (low + high) / 2
