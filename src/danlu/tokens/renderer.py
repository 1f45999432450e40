"""The only place where messages become token ids and a loss mask.

Where an assistant's turn begins and ends is read off the template itself: what it renders for the messages before
the turn, with a generation prompt, is what the model sees at inference; what it renders with the turn is what the
model must have produced. No marker string is searched for, so any template whose history stays put is masked exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

from danlu.artefact import read_json
from danlu.errors import Refusal, TemplateError
from danlu.tokens.hearing import Hearing, Tools
from danlu.tokens.template import Message, Template
from danlu.tokens.tokenizer import Tokenizer, own_template

_ROLES = ("system", "developer", "user", "assistant", "tool")


@dataclass(frozen=True, slots=True)
class Rendered:
    """One training row. mask[i]: token i is supervised, that is, predicted from the tokens before it."""

    ids: list[int]
    mask: list[bool]

    def segments(self, tokenizer: Tokenizer) -> list[tuple[str, bool]]:
        """The row's text in runs of (text, supervised), special tokens written out."""
        runs = groupby(zip(self.ids, self.mask, strict=True), key=lambda pair: pair[1])
        return [(tokenizer.decode([i for i, _ in run], skip_special=False), kept) for kept, run in runs]


@dataclass(frozen=True, slots=True)
class _Turn:
    """Characters of an assistant's turn: from the generation prompt's end through the end-of-turn token."""

    start: int
    end: int


class Renderer:
    """Messages to ids and mask, with one checkpoint's tokenizer and chat template."""

    def __init__(self, tokenizer: Tokenizer, template: str, eos_ids: Sequence[int] = ()) -> None:
        self.tokenizer = tokenizer
        self._template = Template(template, tokenizer.names)
        self._hearing = Hearing(self._template)
        self._eos_ids = tuple(eos_ids)

    @classmethod
    def from_folder(cls, folder: Path, chat_template: str | None = None) -> Renderer:
        """The renderer of a checkpoint.

        Raises TemplateError where it has no chat template and none is given, Refusal 3 where it has two that differ.
        """
        template = chat_template or own_template(folder)
        if template is None:
            raise TemplateError(f"{folder}: the checkpoint has no chat template. Set base.chat_template to one.")
        path = folder / "generation_config.json"
        eos = read_json(path).get("eos_token_id") if path.is_file() else None
        return cls(Tokenizer.from_folder(folder), template, eos if isinstance(eos, list) else [eos] if eos else [])

    @property
    def template_sha256(self) -> str:
        """Names the template, its special tokens and its fixed day; stored in every checkpoint (refusal 3)."""
        return self._template.sha256

    @cached_property
    def stop_ids(self) -> tuple[int, ...]:
        """Ids that end a reply: the template's own end-of-turn token, and the checkpoint's end-of-text."""
        probe = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
        text = self._template.render(probe, prompt=False)
        turn = self._turn(probe, 1, None)
        ids, offsets = self.tokenizer.encode_with_offsets(text)
        last = next(i for i, (_, end) in zip(ids, offsets, strict=True) if end == turn.end)
        eos = self.tokenizer.eos_id
        return tuple(sorted({last, *self._eos_ids, *([] if eos is None else [eos])}))

    def prompt(self, messages: Sequence[Message], tools: Tools = None) -> list[int]:
        """Ids as the model sees them at inference, through the generation prompt.

        Raises TemplateError for messages that do not render, or that end with the assistant's own turn.
        """
        self._check(messages, tools)
        if messages[-1]["role"] == "assistant":
            raise TemplateError("the messages end with the assistant's own turn. Remove it, or add what it answers to.")
        return self._once(
            self.tokenizer.encode_with_specials(self._template.render(messages, prompt=True, tools=tools))
        )

    def train(self, messages: Sequence[Message], tools: Tools = None) -> Rendered:
        """One row with every assistant turn supervised.

        Raises TemplateError if the template rewrites earlier turns (`train_rows` gives a row a turn instead).
        """
        rows = self.train_rows(messages, tools)
        if len(rows) > 1:
            raise TemplateError("the chat template rewrites earlier turns; train on a row a turn.")
        return rows[0]

    def train_rows(self, messages: Sequence[Message], tools: Tools = None) -> list[Rendered]:
        """Rows to train on: one, or one an assistant turn if the template rewrites earlier turns later.

        A template like Qwen3's drops the thinking of earlier turns; a turn is then trained exactly as it is
        produced at inference. Raises Refusal 1 for a dialogue without an assistant's turn, Refusal 4 where a turn
        has no end, TemplateError for messages that end in another role's turn or that do not render.
        """
        self._check(messages, tools)
        turns = [i for i, message in enumerate(messages) if message["role"] == "assistant"]
        if not turns:
            raise Refusal(1, "the dialogue has no assistant turn, so no token of it would be trained on.")
        if turns[-1] != len(messages) - 1:
            last = messages[-1]["role"]
            raise TemplateError(
                f"the dialogue ends with a {last} turn, but training needs an assistant's reply at the end."
            )
        text = self._template.render(messages, prompt=False, tools=tools)
        spans = {i: self._turn(messages, i, tools) for i in turns}
        stable = all(
            text.startswith(self._template.render(messages[: i + 1], prompt=False, tools=tools)) for i in turns
        )
        if stable:
            return [self._row(text, list(spans.values()))]
        return [
            self._row(self._template.render(messages[: i + 1], prompt=False, tools=tools), [span])
            for i, span in spans.items()
        ]

    def _turn(self, messages: Sequence[Message], index: int, tools: Tools) -> _Turn:
        """Where the turn stands in the text of the messages up to it."""
        before = self._template.render(messages[:index], prompt=True, tools=tools)
        text = self._template.render(messages[: index + 1], prompt=False, tools=tools)
        if not text.startswith(before):
            raise TemplateError(
                f"message {index}: the chat template renders the turns before this reply differently once the reply "
                "is there, so what is trained would not be what is seen at inference."
            )
        ids, offsets = self.tokenizer.encode_with_offsets(text)
        special = set(self.tokenizer.special.values())
        ends = [end for i, (start, end) in zip(ids, offsets, strict=True) if i in special and start >= len(before)]
        if not ends or text[ends[-1] :].strip():
            raise Refusal(
                4,
                f"message {index}: the chat template writes no end-of-turn token after the assistant's reply, so the "
                "model would never learn to stop. Set base.chat_template to a template that does.",
            )
        return _Turn(len(before), ends[-1])

    def _row(self, text: str, turns: Sequence[_Turn]) -> Rendered:
        """Tokenise once, then mask by characters; every turn must begin and end where a token does."""
        ids, offsets = self.tokenizer.encode_with_offsets(text)
        self.tokenizer.check_says(self._once(ids), text)
        mask = [False] * len(ids)
        for turn in turns:
            inside = [k for k, (start, end) in enumerate(offsets) if turn.start <= start and end <= turn.end]
            prompt = self.tokenizer.encode_with_specials(text[: turn.start])
            if not inside or ids[: inside[0]] != prompt or offsets[inside[-1]][1] != turn.end:
                raise TemplateError(
                    "a token spans the border between the prompt and the reply, so training and inference would "
                    "see different ids. The template should end its generation prompt with a special token."
                )
            for k in range(inside[0], inside[-1] + 1):
                mask[k] = True
        return Rendered(ids, mask)

    def _once(self, ids: list[int]) -> list[int]:
        """The same ids, which must not begin with the token that begins a text twice."""
        if len(ids) > 1 and ids[0] == ids[1] == self.tokenizer.bos_id:
            bos = self.tokenizer.names["bos_token"]
            raise TemplateError(
                f"the chat template begins with {bos!r} twice, which no model was trained on. Remove one of them: "
                "danlu's tokenizer adds none of its own."
            )
        return ids

    def _check(self, messages: Sequence[Message], tools: Tools) -> None:
        """Roles that exist, no control token inside anyone's words, and a template that says all of it."""
        if not messages:
            raise TemplateError("there are no messages.")
        for index, message in enumerate(messages):
            if message.get("role") not in _ROLES:
                known = ", ".join(_ROLES)
                raise TemplateError(f"message {index}: role {message.get('role')!r} is unknown; known are {known}.")
            for text in _strings(message):
                if spelt := self.tokenizer.spelt_special(text):
                    raise TemplateError(
                        f"message {index} spells the control token {spelt!r}, which would end or forge a turn. "
                        "Remove it from the text."
                    )
        self._hearing.check(messages, tools)
        self._hearing.check_prompt()


def _strings(value: Any) -> Iterator[str]:
    """Every text inside a message, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for below in value.values():
            yield from _strings(below)
    elif isinstance(value, Sequence):
        for below in value:
            yield from _strings(below)


def check_template(expected: str, actual: str, where: str) -> None:
    """Refusal 3 unless the template's hash is the one trained with."""
    if expected != actual:
        raise Refusal(
            3,
            f"{where}: the chat template (sha256 {actual[:12]}…) is not the one the model was trained with "
            f"({expected[:12]}…). Restore the checkpoint's own template.",
        )
