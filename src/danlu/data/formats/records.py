"""A file as records, each with its place: JSONL, a JSON array, CSV or TSV, Parquet, plain text.

A record is (where, value); where is "file:line", or "file: row N" where lines do not count rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from danlu.data.formats.table import table_rows
from danlu.errors import DataError

Container = Literal["jsonl", "json", "table", "parquet", "plain"]
Record = tuple[str, Any]
PLAIN = frozenset({".txt", ".text", ".md", ".markdown"})
TABLES = frozenset({".csv", ".tsv"})
_MAGIC = (
    ((b"\xff\xfe", b"\xfe\xff"), "is UTF-16 text. Save it as UTF-8 (in Excel: CSV UTF-8)."),
    ((b"\x1f\x8b",), "is compressed with gzip. Unpack it first."),
    ((b"PK\x03\x04",), "is a zip archive or an Excel workbook. Unpack it, or save the sheet as CSV UTF-8."),
)


def container(path: Path) -> Container:
    """How a file holds its rows, by its name and first bytes. Raises DataError for what is no such file."""
    head = _head(path)
    if head.startswith(b"PAR1"):
        return "parquet"
    for magics, says in _MAGIC:
        if head.startswith(magics):
            raise DataError(f"{path}: {says}")
    suffix = path.suffix.lower()
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start:
        raise DataError(f"{path}: the file is empty.")
    if suffix in TABLES:
        return "table"
    if suffix in PLAIN and not _is_object(start.partition(b"\n")[0]):
        return "plain"
    if start[:1] == b"[":
        return _array_or_lines(path)
    if start[:1] == b"{" or suffix in {".json", ".jsonl", ".ndjson"}:
        return "jsonl"
    raise DataError(f"{path}: not a kind of file that danlu reads: .jsonl, .json, .csv, .tsv, .parquet, .txt, .md.")


def records(path: Path) -> Iterator[Record]:
    """Every record of a file. Raises DataError with file and line for what cannot be read."""
    match container(path):
        case "jsonl":
            yield from _json_lines(path)
        case "json":
            yield from _json_array(path)
        case "table":
            yield from table_rows(path, lines(path))
        case "parquet":
            yield from _parquet(path)
        case "plain":
            yield f"{path}:1", {"text": "".join(line for _, line in lines(path)).replace("\r\n", "\n")}


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """(number from 1, line with its end), without a byte-order mark. Raises DataError where it is not UTF-8."""
    with path.open("rb") as handle:
        for number, raw in enumerate(handle, start=1):
            try:
                yield number, raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{path}:{number}: not UTF-8 text (byte {raw[error.start]:#04x}). Save the file as UTF-8."
                ) from error


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as handle:
            return handle.read(65536)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file.") from error
    except IsADirectoryError as error:
        raise DataError(f"{path}: is a folder. Name the files in it.") from error
    except PermissionError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error


def _is_object(line: bytes) -> bool:
    """Whether a line of a .txt is a JSON object: then the file is JSONL under another name."""
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _array_or_lines(path: Path) -> Container:
    """A file that begins with "[": one array of rows, or a dialogue as a bare list on each line."""
    first = next(line for _, line in lines(path) if line.strip())
    try:
        value = json.loads(first)
    except json.JSONDecodeError:
        return "json"
    is_dialogue = bool(value) and isinstance(value[0], dict) and bool({"role", "from"} & set(value[0]))
    return "jsonl" if is_dialogue else "json"


def _json_lines(path: Path) -> Iterator[Record]:
    for number, line in lines(path):
        if not line.strip():
            continue
        try:
            yield f"{path}:{number}", json.loads(line)
        except json.JSONDecodeError as error:
            if _is_one_value(path):
                raise DataError(
                    f"{path}:{number}: one JSON object over several lines. Write one object a line (JSONL), "
                    "or one array of objects."
                ) from error
            raise DataError(
                f"{path}:{number}: not valid JSON ({error.msg} at column {error.colno}). "
                "Each line must be one complete JSON object."
            ) from error


def _is_one_value(path: Path) -> bool:
    try:
        json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError:
        return False
    return True


def _json_array(path: Path) -> Iterator[Record]:
    text = "".join(line for _, line in lines(path))
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{path}:{error.lineno}: not valid JSON ({error.msg} at column {error.colno}).") from error
    for number, value in enumerate(values, start=1):
        yield f"{path}: row {number}", value


def _parquet(path: Path) -> Iterator[Record]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        for batch in pq.ParquetFile(path).iter_batches():
            for row in batch.to_pylist():
                number += 1
                yield f"{path}: row {number}", {name.strip().lower(): value for name, value in row.items()}
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: not a readable Parquet file ({error}).") from error
