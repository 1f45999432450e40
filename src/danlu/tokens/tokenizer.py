"""Text to ids and back, from a checkpoint's tokenizer.json."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tokenizers

from danlu.artefact import hash_file, read_json
from danlu.errors import CheckpointError, Refusal


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """A checkpoint's tokenizer. It never adds tokens of its own accord: a doubled BOS cannot happen."""

    inner: tokenizers.Tokenizer
    sha256: str
    names: Mapping[str, str]
    """Special tokens by role: bos_token, eos_token, pad_token, unk_token."""
    special: Mapping[str, int] = field(init=False)
    """Every token that has a meaning beyond its text, and its id."""

    def __post_init__(self) -> None:
        added = self.inner.get_added_tokens_decoder().items()
        object.__setattr__(self, "special", {token.content: i for i, token in added})

    @classmethod
    def from_folder(cls, folder: Path) -> Tokenizer:
        """Read tokenizer.json and tokenizer_config.json. Raises CheckpointError if they cannot be read."""
        path = folder / "tokenizer.json"
        if not path.is_file():
            raise CheckpointError(f"{folder}: no tokenizer.json.")
        try:
            inner = tokenizers.Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises plain Exception
            raise CheckpointError(f"{path}: not a readable tokenizer ({error}).") from error
        inner.no_padding()
        inner.no_truncation()
        return cls(inner, hash_file(path), _names(configuration(folder)))

    @property
    def vocab_size(self) -> int:
        """Ids below this exist."""
        return int(self.inner.get_vocab_size(with_added_tokens=True))

    @property
    def bos_id(self) -> int | None:
        """Id of the token that begins a text, if the checkpoint names one."""
        return self.special.get(self.names.get("bos_token", ""))

    @property
    def eos_id(self) -> int | None:
        """Id of the token that ends a text, if the checkpoint names one."""
        return self.special.get(self.names.get("eos_token", ""))

    @property
    def begin_id(self) -> int | None:
        """Id of what a text is predicted after: the token that begins texts, else the one that ends them."""
        return self.eos_id if self.bos_id is None else self.bos_id

    def encode(self, text: str) -> list[int]:
        """Ids of plain text. Raises ValueError when the text spells a special token: it must stay text."""
        if spelt := self.spelt_special(text):
            raise ValueError(f"the text spells the control token {spelt!r}")
        return self.encode_with_specials(text)

    def encode_with_specials(self, text: str) -> list[int]:
        """Ids of text in which special tokens are meant as such."""
        return list(self.inner.encode(text, add_special_tokens=False).ids)

    def encode_with_offsets(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Ids, and the (start, end) characters that each stands for; special tokens are meant as such."""
        encoding = self.inner.encode(text, add_special_tokens=False)
        return list(encoding.ids), list(encoding.offsets)

    def decode(self, ids: Sequence[int], *, skip_special: bool = True) -> str:
        """Text of ids."""
        return str(self.inner.decode(list(ids), skip_special_tokens=skip_special))

    def check_says(self, ids: Sequence[int], text: str) -> None:
        """Raises CheckpointError unless `ids` say `text`, but for capitals, spaces and the Unicode form of characters.

        A tokenizer that rewrites digits, or knows no token for a character, teaches another text than the one given.
        """
        said = self.decode(ids, skip_special=False)
        if said == text:
            return
        given, taken = _bare(text), _bare(said)
        if given == taken:
            return
        start = next(
            (i for i, pair in enumerate(zip(given, taken, strict=False)) if pair[0] != pair[1]),
            min(len(given), len(taken)),
        )
        passages = [repr(bare[max(start - 5, 0) : start + 10]) for bare in (given, taken)]
        raise CheckpointError(
            f"the tokenizer does not keep the text: {passages[0]} becomes {passages[1]}, and only that would be "
            "learned. Take the tokenizer.json that the base was trained with, or remove what it cannot say."
        )

    def spelt_special(self, text: str) -> str | None:
        """The first special token whose name occurs in `text`."""
        return next((name for name in self.special if name in text), None)


def configuration(folder: Path) -> dict[str, Any]:
    """tokenizer_config.json, with the chat template of chat_template.jinja where that file has it."""
    path = folder / "tokenizer_config.json"
    config: dict[str, Any] = read_json(path) if path.is_file() else {}
    apart = folder / "chat_template.jinja"
    if apart.is_file():
        config["chat_template"] = apart.read_text(encoding="utf-8")
    return config


def own_template(folder: Path) -> str | None:
    """A checkpoint's chat template, the one called "default" where it has several.

    Raises Refusal 3 where tokenizer_config.json and chat_template.jinja disagree: programs read either.
    """
    path, apart = folder / "tokenizer_config.json", folder / "chat_template.jinja"
    inline = _default(read_json(path).get("chat_template")) if path.is_file() else None
    if not apart.is_file():
        return inline
    beside = apart.read_text(encoding="utf-8")
    if inline is not None and inline.rstrip("\n") != beside.rstrip("\n"):
        raise Refusal(
            3,
            f"{folder}: the chat templates in tokenizer_config.json and chat_template.jinja differ, so the model "
            "would be served with another one than trained with, depending on the program. Remove the wrong one, or "
            "set base.chat_template to the one that you mean.",
        )
    return beside


def _default(template: Any) -> str | None:
    """Older checkpoints name several templates."""
    if isinstance(template, list):
        template = next((each.get("template") for each in template if each.get("name") == "default"), None)
    return template if isinstance(template, str) else None


def _bare(text: str) -> str:
    """Letters, digits and signs in one Unicode form and case; spaces and what cannot be seen left out."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(c for c in folded if c != "\u2581" and not c.isspace() and unicodedata.category(c)[0] != "C")


def _names(config: Mapping[str, Any]) -> dict[str, str]:
    """Special tokens are written as text, or as an object with `content`."""
    roles = ("bos_token", "eos_token", "pad_token", "unk_token")
    written = {role: config[role] for role in roles if config.get(role)}
    return {role: value["content"] if isinstance(value, dict) else value for role, value in written.items()}
