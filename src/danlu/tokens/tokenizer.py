"""Text to ids and back, from a checkpoint's tokenizer.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tokenizers

from danlu.artefact import hash_file, read_json
from danlu.errors import CheckpointError


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


def _names(config: Mapping[str, Any]) -> dict[str, str]:
    """Special tokens are written as text, or as an object with `content`."""
    roles = ("bos_token", "eos_token", "pad_token", "unk_token")
    written = {role: config[role] for role in roles if config.get(role)}
    return {role: value["content"] if isinstance(value, dict) else value for role, value in written.items()}
