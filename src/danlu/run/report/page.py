"""A report as one HTML file: no script, no request, light and dark, made to be printed and to be read aloud."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

from danlu.run.document import document, escaped
from danlu.run.report.blocks import (
    Block,
    Cell,
    Code,
    Facts,
    Figure,
    Folded,
    Headline,
    Measured,
    Notice,
    Paragraph,
    Points,
    Report,
    Said,
    Section,
    Table,
    Talk,
)


def page(report: Report) -> str:
    """The whole file."""
    style = files("danlu.run.report").joinpath("page.css").read_text(encoding="utf-8")
    return document(f"{report.name}: {report.verdict.title}", style, _body(report))


def _body(report: Report) -> Iterator[str]:
    yield from (_notice(waiver, "waiver") for waiver in report.waivers)
    yield f'<header><h1 dir="auto">{escaped(report.name)}</h1>'
    if report.goal:
        yield f'<p class="goal" dir="auto">{escaped(report.goal)}</p>'
    yield "</header>"
    yield "<main>"
    yield _notice(report.verdict, "verdict")
    yield '<div class="headlines">' + "".join(map(_headline, report.headlines)) + "</div>"
    yield f'<p class="lead">{escaped(report.introduction)}</p>'
    links = " ".join(f'<a href="#{s.slug}">{escaped(s.title)}</a>' for s in report.sections)
    yield f'<nav aria-label="Contents">{links}</nav>'
    for section in report.sections:
        yield from _section(section)
    yield "</main>"


def _section(section: Section) -> Iterator[str]:
    yield f'<section id="{section.slug}" aria-labelledby="{section.slug}-title">'
    yield f'<h2 id="{section.slug}-title">{escaped(section.title)}</h2>'
    yield from _blocks(section.blocks)
    yield "</section>"


def _blocks(blocks: tuple[Block, ...]) -> Iterator[str]:
    """Figures that follow one another stand side by side where there is room."""
    figures: list[Figure] = []
    for block in blocks:
        if isinstance(block, Figure):
            figures.append(block)
            continue
        yield from _figures(figures)
        figures = []
        yield from _block(block)
    yield from _figures(figures)


def _figures(figures: list[Figure]) -> Iterator[str]:
    if figures:
        yield '<div class="figures">' + "".join(map(_figure, figures)) + "</div>"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Paragraph(text):
            yield f"<p>{escaped(text)}</p>"
        case Notice():
            yield _notice(block, "notice")
        case Table():
            yield _table(block)
        case Facts(rows):
            yield "<dl>" + "".join(f"<dt>{escaped(t)}</dt><dd>{escaped(v)}</dd>" for t, v in rows) + "</dl>"
        case Points(items):
            yield "<ul>" + "".join(f"<li>{escaped(item)}</li>" for item in items) + "</ul>"
        case Figure():
            yield _figure(block)
        case Talk():
            yield _talk(block)
        case Code(text):
            yield f'<pre tabindex="0"><code>{escaped(text)}</code></pre>'
        case Measured(blocks):
            yield "<!-- measured -->"
            yield from _blocks(blocks)
            yield "<!-- /measured -->"
        case Folded(title, blocks):
            yield f"<details><summary>{escaped(title)}</summary>"
            yield from _blocks(blocks)
            yield "</details>"


def _notice(notice: Notice, kind: str) -> str:
    return (
        f'<aside class="{kind} {notice.tone}" role="note"><strong>{escaped(notice.title)}</strong>'
        f'<p dir="auto">{escaped(notice.text)}</p></aside>'
    )


def _headline(line: Headline) -> str:
    return (
        f'<div class="headline {line.tone}"><span>{escaped(line.name)}</span>'
        f"<strong>{escaped(line.change)}</strong><small>{escaped(line.detail)}</small></div>"
    )


def _table(table: Table) -> str:
    heads = "".join(f'<th scope="col"{_numeric(c.numeric)}>{escaped(c.name)}</th>' for c in table.columns)
    numeric = [column.numeric for column in table.columns]
    rows = "".join(f"<tr>{_row(row, numeric)}</tr>" for row in table.rows)
    caption = escaped(table.caption)
    return (
        f'<div class="table" role="region" aria-label="{caption}" tabindex="0"><table><caption>{caption}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _row(row: tuple[Cell, ...], numeric: list[bool]) -> str:
    first = f'<th scope="row">{escaped(row[0].text)}</th>'
    return first + "".join(
        f"<td{_numeric(is_number)}>{_cell(cell)}</td>" for cell, is_number in zip(row[1:], numeric[1:], strict=True)
    )


def _cell(cell: Cell) -> str:
    return escaped(cell.text) if cell.tone == "plain" else f'<b class="{cell.tone}">{escaped(cell.text)}</b>'


def _numeric(is_number: bool) -> str:
    return ' class="number"' if is_number else ""


def _figure(figure: Figure) -> str:
    return (
        f'<figure role="img" aria-label="{escaped(figure.caption)}. {escaped(figure.words)}">'
        f"<figcaption>{escaped(figure.caption)}</figcaption>{figure.svg}</figure>"
    )


def _talk(talk: Talk) -> str:
    prompt = f'<div class="prompt" dir="auto">{escaped(talk.prompt)}</div>' if talk.prompt else ""
    replies = "".join(map(_said, talk.replies))
    kind = "replies" if talk.prompt else "turns"
    return f'<article><h3>{escaped(talk.title)}</h3>{prompt}<div class="{kind}">{replies}</div></article>'


def _said(said: Said) -> str:
    marks = "".join(
        f'<li class="{"good" if c.passed else "bad"}"><b>{"✓" if c.passed else "✗"}<span class="spoken">'
        f"{' passed: ' if c.passed else ' failed: '}</span> {escaped(c.name)}</b> {escaped(c.reason)}</li>"
        for c in said.checks
    )
    checks = f'<ul class="checks">{marks}</ul>' if marks else ""
    text = escaped(said.text) or "<i>(nothing)</i>"
    return f'<div class="said"><h4>{escaped(said.arm)}</h4><div class="text" dir="auto">{text}</div>{checks}</div>'
