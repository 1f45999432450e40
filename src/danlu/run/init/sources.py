"""The user's files, read whole and checked, before a question is asked or a base fetched."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from danlu.data.formats import detect, read_all, unread_keys
from danlu.data.row import Row
from danlu.errors import DanluError, DataError
from danlu.recipe.data import Format

_SHOWN = 5
_RESERVED = "general"  # the name of the replay


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file: its rows, the format they are written in, and the keys that nothing reads."""

    name: str
    path: Path
    format: Format
    rows: tuple[Row, ...]
    unread: tuple[str, ...]

    @property
    def is_text(self) -> bool:
        """Plain text, not dialogues."""
        return self.rows[0].text is not None


def read_sources(files: Sequence[Path]) -> list[SourceFile]:
    """Every row of every file. Raises DataError that lists the first complaints, each with file and line."""
    if len({path.absolute() for path in files}) < len(files):
        raise DataError(f"a file is named twice: {', '.join(map(str, files))}.")
    sources: list[SourceFile] = []
    for path in files:
        name = _name(path, [source.name for source in sources])
        rows, complaints = read_all(path, "auto", name)
        complain(complaints, len(rows) + len(complaints), path)
        sources.append(SourceFile(name, path, detect(path), tuple(rows), tuple(unread_keys(path, "auto"))))
    texts = [source.path for source in sources if source.is_text]
    if texts and len(texts) < len(sources):
        raise DataError(
            f"{texts[0]} is plain text, but {next(s.path for s in sources if not s.is_text)} holds dialogues. "
            "They are trained on in different ways: make a recipe for each."
        )
    return sources


def complain(complaints: Sequence[DanluError], num_rows: int, path: Path) -> None:
    """Raise what is wrong with a file's rows: one complaint as it stands, more of them as a list."""
    if len(complaints) == 1:
        raise complaints[0]
    if complaints:
        listed = "".join(f"\n  {complaint}" for complaint in complaints[:_SHOWN])
        more = f"\n  and {len(complaints) - _SHOWN} more" if len(complaints) > _SHOWN else ""
        raise DataError(f"{path}: {len(complaints)} of {num_rows} rows cannot be trained on:{listed}{more}")


def slug(text: str) -> str:
    """A name that a recipe may have."""
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._") or "mine"


def _name(path: Path, taken: Sequence[str]) -> str:
    name = slug(path.stem)
    number = 2
    while name in {*taken, _RESERVED}:
        name = f"{slug(path.stem)}-{number}"
        number += 1
    return name
