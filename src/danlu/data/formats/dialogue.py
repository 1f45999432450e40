"""A dialogue as it must be: messages with a role and text, in an order that a model can learn from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from danlu.errors import DataError

_KEPT = ("tool_call_id", "name", "reasoning_content", "thinking")  # what chat templates read beside the text
_SWITCHES = ("weight", "train", "loss")  # keys by which other trainers leave a message out of the loss
_BEFORE: Mapping[str, frozenset[str | None]] = {  # who may speak after whom; None is the start
    "user": frozenset({None, "assistant"}),
    "assistant": frozenset({None, "user", "tool"}),
    "tool": frozenset({"assistant", "tool"}),
}


def as_messages(value: Any, where: str) -> tuple[dict[str, Any], ...]:
    """Messages with plain-text content. Raises DataError for what is none, or would be ignored in silence."""
    value = parsed(value, where, "messages")
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise DataError(f"{where}: the messages must be a list of objects with role and content; it is {_kind(value)}.")
    return tuple(_message(message, f"{where}: message {index}") for index, message in enumerate(value))


def as_text(value: Any, where: str, name: str) -> str:
    """A text that is not blank and can be stored. Raises DataError."""
    if not isinstance(value, str):
        raise DataError(f"{where}: {name} must be text; it is {_kind(value)}.")
    if not value.strip():
        raise DataError(f"{where}: {name} is empty. Fill it in, or remove the row.")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{where}: {name} contains half a character (a lone surrogate). Remove it.") from error
    return value


def as_tools(value: Any, where: str) -> tuple[Mapping[str, Any], ...]:
    """Tool descriptions, a list or its JSON. Raises DataError."""
    value = parsed(value, where, "tools")
    if not isinstance(value, Sequence) or not all(isinstance(tool, Mapping) for tool in value):
        raise DataError(f"{where}: tools must be a list of objects; it is {_kind(value)}.")
    return tuple(value)


def parsed(value: Any, where: str, name: str) -> Any:
    """A value, or what its JSON says where it was stored as text, as tables do."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError as error:
        raise DataError(f"{where}: {name} is text that is not valid JSON ({error.msg}).") from error


def check_order(messages: Sequence[Mapping[str, Any]], where: str) -> str:
    """Who opens the dialogue. Raises DataError for turns out of order or a dialogue that ends without a reply."""
    spoken = [m for m in messages if m["role"] not in {"system", "developer"}]
    prompts = len(messages) - len(spoken)
    if prompts > 1 or (prompts and messages[0]["role"] not in {"system", "developer"}):
        raise DataError(f"{where}: a system message may only be the first one, and there may only be one.")
    before: str | None = None
    for index, message in enumerate(spoken, start=prompts):
        role = message["role"]
        if role not in _BEFORE:
            raise DataError(
                f"{where}: message {index}: role {role!r} is unknown; write system, user, assistant or tool."
            )
        if before not in _BEFORE[role]:
            after = "at the start" if before is None else f"after a {before} turn"
            raise DataError(f"{where}: message {index}: a {role} turn {after}. {_advice(role, before)}")
        before = role
    if before != "assistant":
        swapped = bool(spoken) and spoken[0]["role"] == "assistant"
        last = "no turn" if before is None else f"a {before} turn"
        raise DataError(
            f"{where}: the dialogue ends with {last}, but training needs an assistant's reply at the end. "
            f"{'Are the roles swapped?' if swapped else 'Add the reply, or remove what follows the last one.'}"
        )
    return str(spoken[0]["role"])


def _advice(role: str, before: str | None) -> str:
    if role == before:
        return "Join the two into one, or check whether roles were swapped."
    if role == "tool":
        return "A tool's answer follows the assistant's tool call."
    return "Check the roles."


def _message(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise DataError(f"{where}: must be an object with role and content; it is {_kind(value)}.")
    if not isinstance(value.get("role"), str):
        raise DataError(f"{where}: has no role. Its keys are {', '.join(map(str, value))}.")
    for key in _SWITCHES:
        if value["role"] == "assistant" and value.get(key) is not None and not value[key]:
            raise DataError(
                f'{where}: "{key}": {json.dumps(value[key])} would leave this turn out of the loss, which danlu does '
                "not do: every assistant turn is trained on. Cut the dialogue before the turn, or remove the key."
            )
    if value.get("function_call") is not None:
        raise DataError(f"{where}: function_call is the older form. Write tool_calls, and role tool for the answers.")
    message: dict[str, Any] = {"role": value["role"]}
    calls = value.get("tool_calls")
    if calls:
        message["content"] = _content(value.get("content") or "", where, may_be_empty=True)
        message["tool_calls"] = [_call(call, where) for call in calls]
    else:
        message["content"] = _content(value.get("content"), where, may_be_empty=value["role"] == "tool")
    return message | {key: value[key] for key in _KEPT if value.get(key) is not None}


def _content(value: Any, where: str, *, may_be_empty: bool) -> str:
    """Text, or a list of text parts joined; an image or a sound is refused rather than dropped."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        for part in value:
            if not isinstance(part, Mapping) or part.get("type") != "text" or not isinstance(part.get("text"), str):
                kind = part.get("type") if isinstance(part, Mapping) else _kind(part)
                raise DataError(f'{where}: a part of the content is {kind!r}; danlu reads {{"type": "text"}} alone.')
        value = "".join(part["text"] for part in value)
    return value if may_be_empty and value == "" else as_text(value, where, "content")


def _call(value: Any, where: str) -> dict[str, Any]:
    """A tool call whose arguments are an object: templates print them as JSON, and text would be quoted twice."""
    function = value.get("function") if isinstance(value, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise DataError(f'{where}: a tool call is written {{"type": "function", "function": {{"name", "arguments"}}}}.')
    arguments = parsed(function.get("arguments") or {}, where, "a tool call's arguments")
    if not isinstance(arguments, Mapping):
        raise DataError(f"{where}: a tool call's arguments must be an object; they are {_kind(arguments)}.")
    return {**value, "type": "function", "function": {**function, "arguments": arguments}}


def _kind(value: Any) -> str:
    if value is None:
        return "missing"
    names = {str: "text", dict: "an object", list: "a list", bool: "true or false", int: "a number", float: "a number"}
    return ("an empty " if value in ("", [], {}) else "") + names.get(type(value), type(value).__name__)
