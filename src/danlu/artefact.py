"""Artefacts on disk: written whole or not at all, and named by a hash of their content.

A reader never sees half a file: text goes to a neighbour first, is flushed to the disk, and is then renamed.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from danlu.errors import DataError, StorageError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextlib.contextmanager
def storing(path: Path) -> Iterator[None]:
    """Turn a full or read-only disk into one sentence; every other OSError passes."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageError(
                f"{path}: the disk is full. Free some space and run the same command again; "
                "what was finished before is kept."
            ) from error
        if error.errno in _FORBIDDEN:
            raise StorageError(f"{path}: cannot write here ({error.strerror}). Choose another folder.") from error
        raise


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary neighbour to write; rename it to `path` when the block ends well, else remove it."""
    neighbour = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with storing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield neighbour
            with neighbour.open("rb") as handle:
                os.fsync(handle.fileno())
            neighbour.replace(path)
    finally:
        neighbour.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `path` atomically."""
    with replacing(path) as neighbour:
        neighbour.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write `path` atomically, as UTF-8."""
    write_bytes(path, content.encode())


def write_json(path: Path, value: Any) -> None:
    """Write `value` atomically as indented JSON, keys in the order given; NaN raises."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read one JSON document. Raises DataError with the line where it is malformed."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file.") from error
    except json.JSONDecodeError as error:
        raise DataError(f"{path}:{error.lineno}: not valid JSON ({error.msg}).") from error


def write_jsonl(path: Path, rows: Iterable[Any]) -> None:
    """Write one JSON value a line, atomically."""
    with replacing(path) as neighbour, neighbour.open("w", encoding="utf-8") as handle:
        for row in rows:
            handle.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")


def read_jsonl(path: Path) -> Iterator[tuple[int, Any]]:
    """Yield (line number from 1, value) for each line that is not blank. Raises DataError naming the line."""
    try:
        handle = path.open(encoding="utf-8")
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file.") from error
    with handle:
        try:
            for number, line in enumerate(handle, start=1):
                if line.strip():
                    yield number, _parse_line(path, number, line)
        except UnicodeDecodeError as error:
            raise DataError(f"{path}: not UTF-8 text ({error.reason}). Save the file as UTF-8.") from error


def _parse_line(path: Path, number: int, line: str) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path}:{number}: not valid JSON ({error.msg} at column {error.colno}). "
            "Each line must be one complete JSON object."
        ) from error


def canonical(value: Any) -> str:
    """The one JSON text of a value: sorted keys, no spaces. For hashing."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def hash_value(value: Any) -> str:
    """SHA-256, in hex, of a JSON value."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def hash_file(path: Path) -> str:
    """SHA-256, in hex, of a file's bytes."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def hash_folder(folder: Path) -> str:
    """SHA-256 over the relative names and bytes of every file below a folder; hidden files do not count."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))
    return hash_value([[p.relative_to(folder).as_posix(), hash_file(p)] for p in files])


def cache_folder() -> Path:
    """$DANLU_CACHE, else the XDG cache folder's danlu/."""
    if own := os.environ.get("DANLU_CACHE"):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "danlu"
