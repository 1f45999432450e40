"""What a row says, by who says it: the texts that statistics, copies and overlaps look at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from danlu.data.row import Row

PROMPTS = frozenset({"system", "developer"})


def whole(row: Row) -> str:
    """Everything a row says: every text of every message, tool calls and thinking included."""
    return row.text if row.text is not None else _said(row.messages)


def spoken(row: Row) -> str:
    """A row without its system prompt: one that all rows share would make them all alike."""
    return row.text if row.text is not None else _said(m for m in row.messages if m["role"] not in PROMPTS)


def replies(row: Row) -> list[str]:
    """What the model is to learn: each assistant turn, or the one plain text."""
    if row.text is not None:
        return [row.text]
    return [_said([message]) for message in row.messages if message["role"] == "assistant"]


def _said(messages: Iterable[Mapping[str, Any]]) -> str:
    kept = ({key: value for key, value in message.items() if key != "role"} for message in messages)
    return "\n".join(text for message in kept for text in _texts(message))


def _texts(value: Any) -> Iterator[str]:
    """Every text inside a message, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for below in value.values():
            yield from _texts(below)
    elif isinstance(value, Sequence):
        for below in value:
            yield from _texts(below)
    elif value is not None:
        yield str(value)  # a number among a tool call's arguments tells two calls apart
