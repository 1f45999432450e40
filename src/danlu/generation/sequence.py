"""One request on its way: what it was asked, what it has said, where its keys and values are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch

from danlu.generation.protocol import Completion, Sampling
from danlu.generation.sample import source
from danlu.tokens import Tokenizer


@dataclass(slots=True)
class Sequence:
    """index: place in the call. cached: how many of its tokens are in the cache, at `slot`."""

    index: int
    prompt: list[int]
    sampling: Sampling
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    slot: int = -1
    cached: int = 0
    text: str | None = None
    finish_reason: Literal["stop", "length"] | None = None
    draws: torch.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.draws = source(self.sampling, self.index)

    @property
    def pending(self) -> list[int]:
        """Tokens that the model has not seen yet."""
        if self.cached < len(self.prompt):
            return self.prompt[self.cached :]
        return self.ids[self.cached - len(self.prompt) :]

    def add(self, token: int, logprob: float, stop_ids: frozenset[int], tokenizer: Tokenizer) -> None:
        """Take the next token, and see whether it was the last."""
        self.ids.append(token)
        self.logprobs.append(logprob)
        if self.sampling.stop:
            said = tokenizer.decode(self.ids)
            cut = min((at for stop in self.sampling.stop if (at := said.find(stop)) >= 0), default=-1)
            if cut >= 0:
                self.text, self.finish_reason = said[:cut], "stop"
        if token in stop_ids:
            self.finish_reason = "stop"
            if self.text is None:  # the token may be one that also spells text
                self.text = tokenizer.decode(self.ids[:-1])
        elif self.finish_reason is None and len(self.ids) == self.sampling.max_new_tokens:
            self.finish_reason = "length"

    def completion(self, tokenizer: Tokenizer) -> Completion:
        """What it came to."""
        text = tokenizer.decode(self.ids) if self.text is None else self.text
        assert self.finish_reason is not None
        return Completion(tuple(self.ids), text, tuple(self.logprobs), self.finish_reason)
