"""A report as Markdown that reads well as plain text too. What users and models wrote is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterator

from danlu.run.report.blocks import (
    Block,
    Code,
    Facts,
    Figure,
    Folded,
    Measured,
    Notice,
    Paragraph,
    Points,
    Report,
    Table,
    Talk,
)

_SPECIAL = re.compile(r"([\\`*\[\]#|~{}]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")
_OPENERS = re.compile(r"^(\s*)(?:(\d+)([.)])(?=\s|$)|([-+](?=[\s-]|$)|=))", re.MULTILINE)  # lists, rules, underlines
_INDENT = re.compile(r"^[ \t]{4,}", re.MULTILINE)  # would be code
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def markdown(report: Report) -> str:
    """The whole file."""
    return "\n\n".join(_parts(report)) + "\n"


def _parts(report: Report) -> Iterator[str]:
    yield f"# {escaped(report.name)}"
    yield from (_notice(waiver) for waiver in report.waivers)
    yield f"**{escaped(report.verdict.title)}.** {escaped(report.verdict.text)}"
    if report.goal:
        yield f"Goal: {escaped(report.goal)}"
    yield escaped(report.introduction)
    for section in report.sections:
        yield f"## {escaped(section.title)}"
        yield from (part for block in section.blocks for part in _block(block))


def _block(block: Block) -> Iterator[str]:
    match block:
        case Paragraph(text):
            yield escaped(text)
        case Notice():
            yield _notice(block)
        case Table():
            yield f"*{escaped(block.caption)}*"
            yield _table(block)
        case Facts(rows):
            yield "\n".join(f"- {escaped(term)}: {escaped(value)}" for term, value in rows)
        case Points(items):
            yield "\n".join(f"- {escaped(item)}" for item in items)
        case Figure():
            if not block.told:
                yield escaped(block.words)
        case Talk():
            yield from _talk(block)
        case Code(text, language):
            fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
            yield f"{fence}{language}\n{_CONTROL.sub('�', text).rstrip()}\n{fence}"
        case Measured(blocks):
            yield "<!-- measured -->"
            yield from (part for inner in blocks for part in _block(inner))
            yield "<!-- /measured -->"
        case Folded(title, blocks):
            yield f"### {escaped(title)}"
            yield from (part for inner in blocks for part in _block(inner))


def _notice(notice: Notice) -> str:
    return f"> **{escaped(notice.title)}.** {escaped(notice.text)}"


def _table(table: Table) -> str:
    heads = [escaped(column.name) for column in table.columns]
    lines = [heads, ["---:" if column.numeric else "---" for column in table.columns]]
    lines += [[escaped(cell.text).replace("\n", " ") for cell in row] for row in table.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _talk(talk: Talk) -> Iterator[str]:
    yield f"### {escaped(talk.title)}"
    if talk.prompt:
        yield _quoted(talk.prompt)
    for said in talk.replies:
        yield f"**{escaped(said.arm)}:**"
        yield _quoted(said.text or "(nothing)")
        if said.checks:
            marks = (f"{'✓' if c.passed else '✗'} {escaped(c.name)} ({escaped(c.reason)})" for c in said.checks)
            yield "Checks: " + "; ".join(marks)


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}  ".rstrip() + "  " if line else ">" for line in escaped(text).split("\n"))


def escaped(text: str) -> str:
    """Text that Markdown shows as it is; a comment or a tag in it stays text."""
    text = _CONTROL.sub("�", text.replace("\r\n", "\n"))
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _OPENERS.sub(_opened, _SPECIAL.sub(r"\\\1", text))
    return _INDENT.sub(lambda found: "&nbsp;" * len(found[0].expandtabs(4)), text)


def _opened(found: re.Match[str]) -> str:
    space, number, dot, sign = found.groups()
    return f"{space}{number}\\{dot}" if number else f"{space}\\{sign}"
