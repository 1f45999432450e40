"""From a user's file to rows: the format told from the file, each row checked, one format a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
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
    for row in _checked(path, format, source):
        if isinstance(row, DataError):
            raise row
        yield row


def read_all(path: Path, format: Format, source: str) -> tuple[list[Row], list[DataError]]:
    """(rows, complaints): as `read`, but the good rows and all that is wrong with the others, in one pass.

    Raises DataError only where the file itself cannot be read on.
    """
    rows: list[Row] = []
    complaints: list[DataError] = []
    for row in _checked(path, format, source):
        if isinstance(row, DataError):
            complaints.append(row)
        else:
            rows.append(row)
    return rows, complaints


def _checked(path: Path, format: Format, source: str) -> Iterator[Row | DataError]:
    shape = _shape(path, format)
    openers: dict[str, tuple[str, str]] = {}
    number = 0
    for number, (where, value) in enumerate(records(path), start=1):
        try:
            row = _row(value, shape, Row(f"{source}:{number}", source, where), number)
            if row.text is None:
                role = check_order(row.messages, where)
                origin = value.get("source") if isinstance(value, dict) else None
                _check_opener(role, where, openers.setdefault(str(origin), (role, where)))
        except DataError as error:
            yield error
        else:
            yield row
    if number == 0:
        raise DataError(f"{path}: no rows. The file needs at least one.")


def _row(value: Any, shape: Shape, empty: Row, number: int) -> Row:
    """The row that a record means, in the place of `empty`."""
    if shape not in fitting(value):
        raise _differs(value, empty.where, shape, number)
    if shape == "text":
        return replace(empty, text=as_text(value["text"], empty.where, "text"))
    messages = READERS[shape](value, empty.where)
    return replace(empty, messages=messages, tools=tools_of(value, empty.where))


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


def _check_opener(role: str, where: str, first: tuple[str, str]) -> None:
    """first: (role, where) of the first dialogue; one that opens with another role is most often swapped.

    Rows that name a `source` of their own are compared with rows of that source alone.
    """
    if role != first[0]:
        raise DataError(
            f"{where}: the dialogue opens with the {role}, but the one at {first[1]} with the {first[0]}. Check "
            "whether the roles are swapped; if both are meant, keep them in two files."
        )
