"""What training's policies and likelihood tasks see of a model: token ids in; ids and log-probabilities out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from danlu.errors import DanluError

Emit = Callable[[str, Mapping[str, object]], None]
Request = tuple[Sequence[int], Sequence[Sequence[int]]]
"""A context and its continuations."""


def silent(event: str, fields: Mapping[str, object]) -> None:
    """Hears an event and does nothing."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are chosen, and when to stop.

    temperature 0 is greedy: the likeliest token, the first of equals. top_p: the fewest likeliest tokens whose shares
    reach it (Holtzman et al. 2020, arXiv 1904.09751). min_p: tokens at least that share of the likeliest one's
    (Nguyen et al. 2024, arXiv 2407.01082). stop: texts that end a reply, and are cut off it. seed: request i of a
    call draws from (seed, i) alone, whoever is beside it.
    """

    max_new_tokens: int = 128
    temperature: float = 0.0
    top_p: float = 1.0
    min_p: float = 0.0
    stop: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        for name, fits, wanted in (
            ("max_new_tokens", self.max_new_tokens >= 1, "at least 1"),
            ("temperature", self.temperature >= 0, "0 (greedy) or more"),
            ("top_p", 0 < self.top_p <= 1, "above 0 and at most 1"),
            ("min_p", 0 <= self.min_p < 1, "from 0 to below 1"),
            ("stop", all(self.stop), "texts that are not empty"),
        ):
            if not fits:
                raise DanluError(f"sampling: {name} is {getattr(self, name)!r}; it must be {wanted}.")


@dataclass(frozen=True, slots=True)
class Completion:
    """What was sampled, token by token; never tokenised again (refusal 5).

    ids include the token that ended the reply. logprobs: of each id under the model itself, before temperature and
    cuts, in nats. text: without special tokens and without what follows a stop text.
    """

    ids: tuple[int, ...]
    text: str
    logprobs: tuple[float, ...]
    finish_reason: Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class Scored:
    """Log-probability of a continuation after its context, in nats, summed over its tokens."""

    logprob: float
    num_tokens: int


class Generator(Protocol):
    """A model that completes and scores token ids."""

    @property
    def max_positions(self) -> int:
        """Tokens that its context holds."""
        ...

    def generate(self, prompts: Sequence[Sequence[int]], sampling: Sampling, emit: Emit = silent) -> list[Completion]:
        """A completion for each prompt, in order. Raises DanluError for one longer than the model's context."""
        ...

    def score(self, requests: Sequence[Request], emit: Emit = silent) -> list[list[Scored]]:
        """For each (context, continuations): a score for each continuation. A context has at least one token."""
        ...

    def take_weights(self, folder: Path) -> None:
        """Go on with the weights of another checkpoint of the same shape."""
        ...
