"""CSV and TSV: the header decides what the columns mean; comma, semicolon and tab are told apart by it."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from danlu.data.formats.shapes import EXPECTED_COLUMNS, fitting
from danlu.errors import DataError

_DELIMITERS = (",", ";", "\t")


def table_rows(path: Path, lines: Iterable[tuple[int, str]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(where, {column: cell}) for each row that is not blank; column names in lower case.

    Raises DataError naming the columns found and those expected, or the line that has another number of cells.
    """
    numbered = iter(lines)
    first, header = next(((number, line) for number, line in numbered if line.strip()), (1, ""))
    delimiter, columns = _header(path, header)
    reader = csv.reader((line for _, line in numbered), delimiter=delimiter, strict=True)
    while True:
        line = first + reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise DataError(
                f"{path}:{line}: this row cannot be read as CSV ({error}). A quote inside a quoted cell is written "
                "twice, and each quote that opens is closed."
            ) from error
        if cells is None:
            return
        if not any(cell.strip() for cell in cells):
            continue
        where = f"{path}:{line}"
        if len(cells) != len(columns):
            raise DataError(
                f"{where}: {len(cells)} cells, but the header names {len(columns)} columns ({', '.join(columns)}). "
                f"A cell that contains {_called(delimiter)} has to be quoted."
            )
        yield where, dict(zip(columns, cells, strict=True))


def _header(path: Path, line: str) -> tuple[str, list[str]]:
    """The delimiter under which the header makes sense, and the columns it names."""
    readings = [(d, [c.strip().lower() for c in next(csv.reader([line], delimiter=d))]) for d in _DELIMITERS]
    for delimiter, columns in readings:
        if fitting(dict.fromkeys(columns, "x")):
            if len(set(columns)) < len(columns):
                raise DataError(f"{path}:1: the header names a column twice ({', '.join(columns)}).")
            return delimiter, columns
    _, columns = max(readings, key=lambda reading: len(reading[1]))
    found = ", ".join(column or "(no name)" for column in columns)
    raise DataError(
        f"{path}:1: the columns are {found}. danlu reads {EXPECTED_COLUMNS}; the first line must name the columns. "
        "Rename yours to one of these."
    )


def _called(delimiter: str) -> str:
    return {",": "a comma", ";": "a semicolon", "\t": "a tab"}[delimiter]
