"""Messages in, a message out: what judges, simulated users and scenarios see of a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from danlu.generation.engine import Engine
from danlu.generation.protocol import Emit, Generator, Sampling, silent
from danlu.tokens import Message, Renderer


@dataclass(frozen=True, slots=True)
class Reply:
    """An assistant's reply. ids: as sampled, where the model is one that tells them."""

    text: str
    finish_reason: Literal["stop", "length"]
    num_tokens: int
    ids: tuple[int, ...] | None = None


class ChatModel(Protocol):
    """Anything that replies to conversations."""

    def reply(self, conversations: Sequence[Sequence[Message]], sampling: Sampling, emit: Emit = silent) -> list[Reply]:
        """A reply to each conversation, in order."""
        ...


class LocalChat:
    """A generator behind the chat template that it was trained with."""

    def __init__(self, generator: Generator, renderer: Renderer) -> None:
        self._generator, self._renderer = generator, renderer

    def reply(self, conversations: Sequence[Sequence[Message]], sampling: Sampling, emit: Emit = silent) -> list[Reply]:
        """A reply to each conversation, in order. Raises TemplateError for messages that do not render."""
        prompts = [self._renderer.prompt(messages) for messages in conversations]
        return [
            Reply(done.text.strip(), done.finish_reason, len(done.ids), done.ids)
            for done in self._generator.generate(prompts, sampling, emit)
        ]


def stream(engine: Engine, renderer: Renderer, messages: Sequence[Message], sampling: Sampling) -> Iterator[str]:
    """One reply, in pieces of text as they are sampled; a character of several tokens comes when it is whole."""
    ids: list[int] = []
    said = ""
    for token in engine.stream(renderer.prompt(messages), sampling):
        ids.append(token)
        text = renderer.tokenizer.decode(ids)
        if text.startswith(said) and not text.endswith("\ufffd"):
            yield text[len(said) :]
            said = text
