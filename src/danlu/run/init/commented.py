"""YAML in which every line has a comment."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./@=:-]*(?<!:)")
_WORDS = {"null", "true", "false", "yes", "no", "on", "off"}
_COLUMN = 44

Value = str | int | float | tuple[str, ...] | None


@dataclass(slots=True)
class Commented:
    """Lines of a mapping, written in order."""

    _lines: list[tuple[str, str]] = field(default_factory=list)

    def open(self, depth: int, key: str, comment: str) -> None:
        """A key whose value is the mapping or list below it."""
        self._lines.append((f"{'  ' * depth}{key}:", comment))

    def put(self, depth: int, key: str, value: Value, comment: str) -> None:
        """A key and its plain value. A key that begins with "- " opens an entry of a list."""
        self._lines.append((f"{'  ' * depth}{key}: {written(value)}", comment))

    def text(self) -> str:
        """The document, its comments in one column where the values leave room."""
        return "".join(f"{line:<{_COLUMN}}  # {comment}\n" for line, comment in self._lines)


def written(value: Value) -> str:
    """A value as YAML 1.2; quoted where it could be read as something else."""
    if value is None:
        return "null"
    if isinstance(value, tuple):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, str):
        is_plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS
        return value if is_plain else json.dumps(value, ensure_ascii=False)
    return f"{value:g}" if isinstance(value, float) else str(value)
