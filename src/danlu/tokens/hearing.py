"""Whether a chat template says what it is given: what it drops in silence, no model learns or hears.

A part of a message is changed or taken away, and the text rendered again; where the text stays the same, the template
is deaf to that part. Each kind of message is tried once, on the first message of the kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from danlu.errors import TemplateError
from danlu.tokens.template import Message, Template

_EXTRAS = ("tool_calls", "reasoning_content", "thinking")  # what a message may say beside its content
_PROBE = "Zq"  # words that no template writes of its own accord
Tools = Sequence[Mapping[str, Any]] | None


class Hearing:
    """What one template has been shown to hear."""

    def __init__(self, template: Template) -> None:
        self._template = template
        self._tried: set[tuple[str, ...]] = set()

    def check(self, messages: Sequence[Message], tools: Tools) -> None:
        """Raises TemplateError for a part of these messages that the template drops."""
        for index, message in enumerate(messages):
            kind = (message["role"], *(key for key in ("content", *_EXTRAS) if message.get(key)), str(bool(tools)))
            if kind not in self._tried:
                self._try(messages[: index + 1], tools)
                self._tried.add(kind)

    def check_prompt(self) -> None:
        """Raises TemplateError for a template without a generation prompt where a reply needs one.

        Some have none because the reply's words follow the user's turn at once; then nothing is missing.
        """
        if ("prompt",) in self._tried:
            return
        asked: list[Message] = [{"role": "user", "content": "a"}]
        try:
            prompt, closed = (self._template.render(asked, prompt=opened) for opened in (True, False))
            whole = self._template.render([*asked, {"role": "assistant", "content": _PROBE}], prompt=False)
        except TemplateError:  # it objects to so short a dialogue, which is not silence
            return
        if prompt == closed and whole.startswith(prompt) and not whole[len(prompt) :].lstrip().startswith(_PROBE):
            header = whole[len(prompt) : whole.index(_PROBE)] if _PROBE in whole else ""
            raise TemplateError(
                f"the chat template ignores add_generation_prompt, so a model would have to write {header!r} itself "
                "before each reply. Set base.chat_template to a template that opens the reply."
            )
        self._tried.add(("prompt",))

    def _try(self, messages: Sequence[Message], tools: Tools) -> None:
        *before, last = messages
        if last["role"] == "system":
            self._try_system(last)
            return
        try:
            whole = self._template.render(messages, prompt=False, tools=tools)
        except TemplateError:  # nothing is dropped: whoever renders the dialogue hears the objection
            return
        for part, without in _without(last):
            if self._same(whole, [*before, without], tools):
                raise TemplateError(
                    f"message {len(before)}: the chat template drops {part}, so it would be neither heard nor "
                    "learned. Write it into the content, or set base.chat_template to a template that says it."
                )
        if tools and self._same(whole, messages, None):
            raise TemplateError(
                "the chat template drops the tools, so the model would never see what it may call. Write them into "
                "the system prompt, or set base.chat_template to a template that says them."
            )

    def _try_system(self, message: Message) -> None:
        """Some templates say the system prompt inside the first user turn, so that there has to be one."""
        asked = {"role": "user", "content": "a"}
        said = [self._template.render([{**message, "content": text}, asked], prompt=True) for text in ("one", "two")]
        if said[0] == said[1]:
            raise TemplateError("the chat template drops the system prompt. Put its text into the first user turn.")

    def _same(self, whole: str, messages: Sequence[Message], tools: Tools) -> bool:
        try:
            return self._template.render(messages, prompt=False, tools=tools) == whole
        except TemplateError:
            return False


def _without(message: Message) -> Iterator[tuple[str, Message]]:
    """(what it is called, the message without it) for each part of a message."""
    role = message["role"]
    if isinstance(message.get("content"), str) and message["content"].strip():
        beside = " beside tool calls" if message.get("tool_calls") else ""
        yield f"the words of the {role}{beside}", {**message, "content": message["content"] + _PROBE}
    for key in _EXTRAS:
        if message.get(key):
            yield f"the {role}'s {key}", {name: value for name, value in message.items() if name != key}
