"""Scripted models for tests: they answer what they are told to, and remember what they were asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from danlu.generation.chat import Reply
from danlu.generation.protocol import Completion, Emit, Request, Sampling, Scored, silent
from danlu.tokens import Message


class ScriptedChat:
    """Replies by a function of the messages."""

    def __init__(self, say: Callable[[Sequence[Message]], str]) -> None:
        self._say = say
        self.asked: list[list[Message]] = []

    def reply(
        self,
        conversations: Sequence[Sequence[Message]],
        sampling: Sampling,  # noqa: ARG002
        emit: Emit = silent,  # noqa: ARG002
    ) -> list[Reply]:
        """What `say` says to each conversation, always finished."""
        self.asked += [list(messages) for messages in conversations]
        said = [self._say(messages) for messages in conversations]
        return [Reply(text, "stop", len(text.split())) for text in said]


class ScriptedGenerator:
    """Completes and scores by functions of token ids."""

    def __init__(
        self,
        complete: Callable[[Sequence[int]], Sequence[int]],
        logprob: Callable[[Sequence[int], Sequence[int]], float],
        max_positions: int = 8192,
    ) -> None:
        self._complete, self._logprob, self.max_positions = complete, logprob, max_positions
        self.weights: Path | None = None

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        sampling: Sampling,  # noqa: ARG002
        emit: Emit = silent,  # noqa: ARG002
    ) -> list[Completion]:
        """What `complete` gives for each prompt, with certainty."""
        completions = [tuple(self._complete(prompt)) for prompt in prompts]
        return [Completion(ids, " ".join(map(str, ids)), (0.0,) * len(ids), "stop") for ids in completions]

    def score(self, requests: Sequence[Request], emit: Emit = silent) -> list[list[Scored]]:  # noqa: ARG002
        """What `logprob` gives for each context and continuation."""
        return [
            [Scored(self._logprob(context, continuation), len(continuation)) for continuation in continuations]
            for context, continuations in requests
        ]

    def take_weights(self, folder: Path) -> None:
        """Remember the folder."""
        self.weights = folder
