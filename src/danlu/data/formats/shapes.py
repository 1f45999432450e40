"""What a row's keys mean, a function a format. Every one ends in messages, or in plain text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from danlu.data.formats.dialogue import as_messages, as_text, as_tools, parsed
from danlu.errors import DataError

Messages = tuple[Mapping[str, Any], ...]
TALKS = ("messages", "conversations", "conversation")
PROMPTS = ("prompt", "question", "query", "input")
REPLIES = ("completion", "response", "answer", "output")
OUTPUTS = ("output", "response")
INPUTS = ("input", "context")
SPEAKERS = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "assistant": "assistant",
    "model": "assistant",
    "system": "system",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
}
SHAPES: Mapping[str, str] = {
    "messages": '{"messages": [{"role": "user", "content": …}, …]}',
    "sharegpt": '{"conversations": [{"from": "human", "value": …}, …]}',
    "alpaca": '{"instruction": …, "input": …, "output": …}',
    "prompt-completion": '{"prompt": …, "completion": …} (or prompt/response, question/answer)',
    "text": '{"text": …}',
}
EXPECTED_COLUMNS = "messages, or prompt and completion (or question and answer), or instruction and output, or text"

Shape = Literal["messages", "sharegpt", "alpaca", "prompt-completion", "text"]


def fitting(value: Any) -> list[Shape]:
    """The formats that a row could be written in, the likeliest first; none is an unknown format."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return _talk_formats(value)
    if not isinstance(value, Mapping):
        return []
    keys = {key for key, cell in value.items() if cell is not None}
    found: list[Shape] = [name for key in TALKS if key in keys for name in _talk_formats(value[key])]
    if "instruction" in keys and keys & set(OUTPUTS):
        found.append("alpaca")
    if len(keys & set(PROMPTS)) == 1 and len(keys & set(REPLIES)) == 1:
        found.append("prompt-completion")
    if "text" in keys:
        found.append("text")
    return found


def _talk_formats(talk: Any) -> list[Shape]:
    """Turns with `from` are ShareGPT's; all else under the key of a dialogue is meant as messages."""
    if isinstance(talk, str):  # a cell of a table holds JSON
        return ["sharegpt" if '"from"' in talk and '"role"' not in talk else "messages"]
    first = talk[0] if isinstance(talk, Sequence) and talk else None
    return ["sharegpt" if isinstance(first, Mapping) and "from" in first else "messages"]


def unknown(value: Any, where: str) -> DataError:
    """What to say of a row in no known format."""
    if not isinstance(value, Mapping):
        return DataError(f"{where}: a row must be a JSON object or a list of messages. Known are {_known()}.")
    keys = ", ".join(map(str, value)) or "none"
    if {"chosen", "rejected"} <= set(value):
        return DataError(f"{where}: preference pairs (chosen, rejected) are not read by danlu yet; keys: {keys}.")
    return DataError(f"{where}: no known format; the row has the keys {keys}. Known are {_known()}.")


def _known() -> str:
    return "; ".join(f"{name} {shape}" for name, shape in SHAPES.items())


def _messages(value: Any, where: str) -> Messages:
    return as_messages(value if not isinstance(value, Mapping) else _talk(value), where)


def _sharegpt(value: Any, where: str) -> Messages:
    turns = value if not isinstance(value, Mapping) else _talk(value)
    turned: list[dict[str, Any]] = []
    for index, turn in enumerate(parsed(turns, where, "conversations")):
        speaker = turn.get("from") if isinstance(turn, Mapping) else None
        if speaker not in SPEAKERS:
            known = "write human, gpt, system or tool, with the text in value"
            raise DataError(f"{where}: message {index}: from is {speaker!r}; {known}.")
        rest = {key: cell for key, cell in turn.items() if key not in {"from", "value"}}
        turned.append({**rest, "role": SPEAKERS[speaker], "content": turn.get("value")})
    return _system(value, where, as_messages(turned, where))


def _alpaca(value: Mapping[str, Any], where: str) -> Messages:
    asked = as_text(value.get("instruction"), where, "instruction")
    given = next((value[key] for key in INPUTS if value.get(key)), "")
    if given and as_text(given, where, "input"):
        asked = f"{asked}\n\n{given}"
    messages: list[dict[str, Any]] = []
    for index, pair in enumerate(parsed(value.get("history") or [], where, "history")):
        if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
            raise DataError(f"{where}: history {index} must be a pair [instruction, output].")
        messages += _exchange(pair[0], pair[1], where)
    name = next(key for key in OUTPUTS if value.get(key) is not None)
    messages += _exchange(asked, as_text(value[name], where, name), where)
    return _system(value, where, tuple(messages))


def _prompt_completion(value: Mapping[str, Any], where: str) -> Messages:
    asked, said = (next(key for key in keys if value.get(key) is not None) for keys in (PROMPTS, REPLIES))
    prompt, reply = value[asked], value[said]
    if isinstance(prompt, str) and isinstance(reply, str):
        pair = _exchange(as_text(prompt, where, asked), as_text(reply, where, said), where)
        return _system(value, where, tuple(pair))
    if isinstance(prompt, str) or isinstance(reply, str):
        raise DataError(f"{where}: {asked} and {said} must both be text, or both be lists of messages.")
    return (*as_messages(prompt, f"{where}: {asked}"), *as_messages(reply, f"{where}: {said}"))


def _talk(value: Mapping[str, Any]) -> Any:
    return next(value[key] for key in TALKS if value.get(key) is not None)


def _exchange(asked: Any, said: Any, where: str) -> list[dict[str, Any]]:
    turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]
    return list(as_messages(turns, where))


def _system(value: Any, where: str, messages: Messages) -> Messages:
    """The row's own system prompt before its messages, where it has one."""
    prompt = value.get("system") if isinstance(value, Mapping) else None
    if not prompt:
        return messages
    return ({"role": "system", "content": as_text(prompt, where, "system")}, *messages)


READERS: Mapping[str, Callable[[Any, str], Messages]] = {
    "messages": _messages,
    "sharegpt": _sharegpt,
    "alpaca": _alpaca,
    "prompt-completion": _prompt_completion,
}
READ_KEYS: Mapping[str, frozenset[str]] = {
    "messages": frozenset({*TALKS, "tools"}),
    "sharegpt": frozenset({*TALKS, "system", "tools"}),
    "alpaca": frozenset({"instruction", *INPUTS, *OUTPUTS, "system", "history"}),
    "prompt-completion": frozenset({*PROMPTS, *REPLIES, "system", "tools"}),
    "text": frozenset({"text"}),
}


def tools_of(value: Any, where: str) -> tuple[Mapping[str, Any], ...]:
    """The tools that a row offers to the assistant."""
    if not isinstance(value, Mapping):
        return ()
    if value.get("functions"):
        raise DataError(f"{where}: functions is the older form. Write tools.")
    return as_tools(value["tools"], where) if value.get("tools") else ()
