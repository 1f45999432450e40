"""What a report is made of. Both pages are written from the same blocks, so they cannot say different things."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Tone = Literal["plain", "good", "bad", "unsure"]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text."""

    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that must not be overlooked."""

    title: str
    text: str
    tone: Tone = "unsure"


@dataclass(frozen=True, slots=True)
class Cell:
    """A table's cell whose tone says whether it is good news."""

    text: str
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Column:
    """A column's head; figures stand to the right."""

    name: str
    numeric: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under heads; the first cell of a row is its head."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """Terms with what they are."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Points:
    """A list."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot as SVG, and the same in words for those who do not see it. told: a table beside it says the same."""

    caption: str
    svg: str
    words: str
    told: bool = True


@dataclass(frozen=True, slots=True)
class Check:
    """What a verifier found in a reply."""

    name: str
    passed: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Said:
    """One arm's reply, with its marks."""

    arm: str
    text: str
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation so far, and how each arm goes on."""

    title: str
    prompt: str
    replies: tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class Code:
    """Text of a machine's."""

    text: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """Blocks that hold what was measured: all that may differ between two runs with the same evidence."""

    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Folded:
    """Blocks for those who want them."""

    title: str
    blocks: tuple[Block, ...]


Block = Paragraph | Notice | Table | Facts | Points | Figure | Talk | Code | Measured | Folded


@dataclass(frozen=True, slots=True)
class Section:
    """A part with a heading; slug names it in a link."""

    slug: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Headline:
    """One figure that a reader should take away."""

    name: str
    change: str
    detail: str
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report. waivers come before everything, the verdict next."""

    name: str
    goal: str | None
    waivers: tuple[Notice, ...]
    verdict: Notice
    headlines: tuple[Headline, ...]
    introduction: str
    sections: tuple[Section, ...]


def table(caption: str, heads: str, rows: list[list[str | Cell]]) -> Table:
    """A table from heads apart by "|" ("<" before one that holds words) and rows of texts or cells."""
    columns = tuple(Column(h.strip().removeprefix("<"), not h.strip().startswith("<")) for h in heads.split("|"))
    return Table(
        caption, columns, tuple(tuple(cell if isinstance(cell, Cell) else Cell(cell) for cell in row) for row in rows)
    )
