"""Plain text as documents. A few long texts are cut between paragraphs, so that whole documents can be held out.

A passage is a slice of its text, unchanged; a file of many documents (a JSONL row each) stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from danlu.data.row import Row

FEW = 20  # as many texts, or more, are documents as they stand
_PARAGRAPH = re.compile(r"(?:[ \t]*\n){2,}")
_LINE = re.compile(r"\n")
_HEADING = re.compile(r"#+ [^\n]*")
_CHARACTERS_PER_TOKEN = 2  # a passage of a small vocabulary then fits into a training row, nearly always
_LEAST = 1000  # characters: less says little about a model
_PASSAGES = 100  # where the text allows, so that a share of them can be held out


def documents(rows: Iterable[Row], max_length: int) -> Iterator[Row]:
    """The texts of one source as documents.

    Fewer than 20 texts are cut at blank lines (at line ends where there are few blank lines) into passages of at
    least 2 characters for each of `max_length` tokens; where that would leave fewer than 100 passages, of a hundredth
    of the text, yet of 1,000 characters.
    """
    rest = iter(rows)
    first = list(islice(rest, FEW))
    if len(first) == FEW:
        yield from chain(first, rest)
        return
    total = sum(len(row.text or "") for row in first)
    least = min(_CHARACTERS_PER_TOKEN * max_length, max(_LEAST, total // _PASSAGES))
    for row in first:
        yield from _passages(row, least)


def paragraphs(text: str) -> list[tuple[int, str]]:
    """(offset, paragraph) between blank lines; a heading goes with what stands below it."""
    return list(_units(text, _PARAGRAPH))


def part(row: Row, offset: int, text: str) -> Row:
    """A slice of a text as a row of its own; `where` is the line on which it begins."""
    file, _, line = row.where.rpartition(":")
    number = int(line) + (row.text or "")[:offset].count("\n") if line.isdigit() else line
    return Row(f"{row.row_id}:{offset}", row.source, f"{file}:{number}", text=text.rstrip())


def _passages(row: Row, least: int) -> Iterator[Row]:
    """Slices of at least so many characters, each begun at a paragraph; the last one takes a short rest along."""
    text = row.text or ""
    units = paragraphs(text)
    if len(units) < FEW:
        units = list(_units(text, _LINE))
    starts = list(_starts([offset for offset, _ in units], len(text.rstrip()), least))
    if len(starts) < 2:
        yield row
        return
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        yield part(row, start, text[start:end])


def _starts(offsets: Sequence[int], end: int, least: int) -> Iterator[int]:
    """Of the offsets of paragraphs, those that begin a passage."""
    start: int | None = None
    for offset in offsets:
        if start is None or (offset - start >= least and end - offset >= least):
            start = offset
            yield offset


def _units(text: str, border: re.Pattern[str]) -> Iterator[tuple[int, str]]:
    start = after = 0
    for blank in [*border.finditer(text), None]:
        end = len(text) if blank is None else blank.start()
        is_heading = _HEADING.fullmatch(text, after, end) is not None
        after = end if blank is None else blank.end()
        if is_heading and blank is not None:
            continue
        if text[start:end].strip():
            yield start, text[start:end].rstrip()
        start = after
