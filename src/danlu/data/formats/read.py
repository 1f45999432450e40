"""From a user's file to rows: the format told from the file, each row checked, one format a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from danlu.data.formats.dialogue import as_text, check_order
from danlu.data.formats.records import container, records
from danlu.data.formats.shapes import READ_KEYS, READERS, SHAPES, Shape, fitting, tools_of, unknown
from danlu.data.row import Row
from danlu.errors import DataError
from danlu.recipe.data import Format


def detect(path: Path) -> Format:
    """The format of a file, by its name and its first row. Raises DataError with the keys found and those known."""
    if container(path) == "table":
        next(records(path), None)  # the header must be one that danlu reads
        return "csv"
    return _shape(path, "auto")


def read(path: Path, format: Format, source: str) -> Iterator[Row]:
    """Each row of a file. Row ids are "source:number" from 1; `where` is file and line.

    Raises DataError for a row that is malformed, in another format than the first, whose turns are out of order,
    that opens with another role than the first, or that ends without a reply; and for a file without rows.
    """
    shape = _shape(path, format)
    opener: tuple[str, str] | None = None
    number = 0
    for number, (where, value) in enumerate(records(path), start=1):
        if shape not in fitting(value):
            raise _differs(value, where, shape, number)
        row_id = f"{source}:{number}"
        if shape == "text":
            text = value["text"] if isinstance(value, dict) else None
            yield Row(row_id, source, where, text=as_text(text, where, "text"))
            continue
        row = Row(row_id, source, where, messages=READERS[shape](value, where), tools=tools_of(value, where))
        opener = _same_opener(check_order(row.messages, where), where, opener)
        yield row
    if number == 0:
        raise DataError(f"{path}: no rows. The file needs at least one.")


def unread_keys(path: Path, format: Format) -> list[str]:
    """Keys of the first row that nothing reads, so that they can be shown rather than ignored in silence."""
    _, first = next(records(path))
    known = READ_KEYS[_shape(path, format)]
    return [str(key) for key, cell in first.items() if key not in known and cell] if isinstance(first, dict) else []


def _shape(path: Path, format: Format) -> Shape:
    """What the rows are written as: `csv` and `auto` leave it to the first row."""
    if format != "auto" and format != "csv":  # noqa: PLR1714  equality narrows the type
        return format
    if format == "csv" and container(path) not in {"table", "parquet"}:
        raise DataError(f"{path}: not a .csv or .tsv file. Set format: auto.")
    first = next(records(path), None)
    if first is None:
        raise DataError(f"{path}: no rows. The file needs at least one.")
    where, value = first
    found = fitting(value)
    if not found:
        raise unknown(value, where)
    return found[0]


def _differs(value: Any, where: str, shape: Shape, number: int) -> DataError:
    found = fitting(value)
    if not found:
        return unknown(value, where)
    if number == 1:
        return DataError(f"{where}: written as {found[0]}, not as {SHAPES[shape]}. Set format: {found[0]}, or auto.")
    return DataError(
        f"{where}: this row is written as {found[0]}, but those before it as {shape}. Keep one format a file."
    )


def _same_opener(role: str, where: str, opener: tuple[str, str] | None) -> tuple[str, str]:
    """(role, where) of the first dialogue; one that opens with another role is most often swapped."""
    if opener is not None and role != opener[0]:
        raise DataError(
            f"{where}: the dialogue opens with the {role}, but the one at {opener[1]} with the {opener[0]}. Check "
            "whether the roles are swapped; if both are meant, keep them in two files."
        )
    return opener or (role, where)
