"""How much there is to do: tokens to train on, and questions to answer. Plain values that `run/` fills in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Questions:
    """Replies of one kind that every arm gives: `count` prompts of `prompt` tokens on average.

    shared: tokens that all of them begin with, which are computed once a batch. new_tokens: longest reply. arms: how
    many times they are asked (base and tuned).
    """

    count: int
    prompt: float
    new_tokens: int
    shared: float = 0.0
    arms: float = 2.0


@dataclass(frozen=True, slots=True)
class Scoring:
    """Texts whose continuations are scored by log-likelihood: mean tokens of a request, and of its continuations.

    arms: how many times they are scored (base and tuned).
    """

    count: int
    tokens: float
    continuation: float
    arms: float = 2.0


@dataclass(frozen=True, slots=True)
class Workload:
    """A run's work.

    tokens, supervised: of one pass over the data. document: mean length weighted by tokens, as attention sees it.
    max_length: of a pack. rows: read by the data stage. batch: requests answered together. source: where the
    token counts come from, in words.
    """

    tokens: float
    supervised: float
    document: float
    max_length: int
    rows: int
    source: str
    questions: tuple[Questions, ...] = ()
    scoring: tuple[Scoring, ...] = ()
    batch: int = 32
