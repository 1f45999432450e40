"""How much there is to do: tokens to train on, and questions to answer. Plain values that `run/` fills in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Replies:
    """Lengths of the replies of one arm, in tokens: their mean, and the longest that a batch of them holds."""

    mean: float
    longest: float


@dataclass(frozen=True, slots=True)
class Questions:
    """Replies of one kind that every arm gives: `count` prompts of `prompt` tokens on average.

    shared: tokens that all of them begin with, which are computed once a batch. new_tokens: most that a reply may
    have. arms: how many times they are asked (base and tuned). replies: of each arm, as far as they are known; an arm
    of which nothing is known takes all new_tokens.
    """

    count: int
    prompt: float
    new_tokens: int
    shared: float = 0.0
    arms: int = 2
    replies: tuple[Replies, ...] = ()

    @property
    def answered(self) -> tuple[Replies, ...]:
        """Of every arm, none longer than allowed."""
        known = tuple(Replies(min(r.mean, self.new_tokens), min(r.longest, self.new_tokens)) for r in self.replies)
        return (known + (Replies(self.new_tokens, self.new_tokens),) * self.arms)[: self.arms]


@dataclass(frozen=True, slots=True)
class Scoring:
    """Texts whose continuations are scored by log-likelihood: mean tokens of a request, and of its continuations.

    arms: how many times they are scored (base and tuned). name: of the task.
    """

    count: int
    tokens: float
    continuation: float
    arms: int = 2
    name: str = "texts"


@dataclass(frozen=True, slots=True)
class Workload:
    """A run's work.

    tokens, supervised: of one pass over the data. unshared: share of the tokens that is computed, where documents of
    a micro-batch begin alike and that is computed once. document: mean length weighted by tokens, as attention sees
    it. max_length: of a pack; pack: tokens in one on average, max_length unless told. rows: read by the data stage;
    plain: they are texts rather than dialogues. batch: requests answered together. ranks: processes that share each
    step. text_bytes: of the training text of a model from scratch, None for an open base. fetches: whether the guard's
    items are still to be fetched. source: where the token counts come from, in words.
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
    unshared: float = 1.0
    pack: float | None = None
    ranks: int = 1
    plain: bool = False
    text_bytes: float | None = None
    fetches: bool = False

    @property
    def pack_tokens(self) -> float:
        """Tokens of a pack on average."""
        return min(self.pack or float(self.max_length), float(self.max_length))
