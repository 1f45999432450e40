"""Long texts cut at paragraphs: into rows to train on, and the end of a document to hold out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from danlu.data.documents import paragraphs, part
from danlu.data.row import Row
from danlu.data.split import LEAST, MOST, group_rows, split_by_group
from danlu.errors import DataError
from danlu.text.words import words

_ITEM_WORDS = 40  # a held-out item is at least so long: shorter texts say little about a model
_SHARES = (0.1, 0.15, 0.2, 0.25, 0.3)
_MANY = 20


def split_texts(rows: Sequence[Row], seed: int) -> tuple[list[Row], list[Row], str]:
    """(train, held-out, how it was split).

    Many documents are split by document, near-copies together. Of a few, the last part of each is held out, cut at
    a paragraph, more of it until there are 8 items. Raises DataError where the text is too short for that.
    """
    groups = group_rows(rows)
    if len(set(groups)) >= _MANY:
        train, held_out = split_by_group(rows, seed=seed, groups=groups)
        return train, [item for row in held_out for item in items(row)][:MOST], "whole documents"
    alone = [groups.count(group) == 1 for group in groups]
    for share in _SHARES:
        cuts = [_cut(row, share) if is_alone else (row, None) for row, is_alone in zip(rows, alone, strict=True)]
        train = [head for head, _ in cuts]
        held_out = [item for _, tail in cuts if tail is not None for item in items(tail)]
        held_out = _unlike(held_out, [block for head in train for block in items(head)])
        if len(held_out) >= LEAST:
            return train, held_out[:MOST], f"the last {share:.0%} of each document, cut at a paragraph"
    num_words = sum(len(words(row.text or "")) for row in rows)
    raise DataError(
        f"{num_words:,} words in {len(rows)} document{'s' if len(rows) > 1 else ''} are too little text to hold some "
        f"out: {LEAST} passages of {_ITEM_WORDS} words, separated by blank lines, must be left for evaluation within "
        "the last third. Add text, or blank lines between its paragraphs."
    )


def items(row: Row) -> list[Row]:
    """Passages of at least 40 words, cut at paragraphs; `where` is the line of each. A short text is one passage."""
    passages: list[tuple[int, str]] = []
    for offset, paragraph in paragraphs(row.text or ""):
        if passages and len(words(passages[-1][1])) < _ITEM_WORDS:
            passages[-1] = (passages[-1][0], f"{passages[-1][1]}\n\n{paragraph}")
        else:
            passages.append((offset, paragraph))
    if len(passages) > 1 and len(words(passages[-1][1])) < _ITEM_WORDS:
        _, rest = passages.pop()
        passages[-1] = (passages[-1][0], f"{passages[-1][1]}\n\n{rest}")
    return [part(row, offset, text) for offset, text in passages]


def blocks(row: Row, fits: Callable[[str], bool]) -> list[Row]:
    """A document as rows that fit, cut at paragraphs. A paragraph that alone does not fit stays whole."""
    found: list[tuple[int, str]] = []
    for offset, paragraph in paragraphs(row.text or ""):
        joined = f"{found[-1][1]}\n\n{paragraph}" if found else paragraph
        if found and fits(joined):
            found[-1] = (found[-1][0], joined)
        else:
            found.append((offset, paragraph))
    return [part(row, offset, text) for offset, text in found]


def _cut(row: Row, share: float) -> tuple[Row, Row | None]:
    """A document without its last part, and that part; None where it has no border there."""
    text = row.text or ""
    borders = [offset for offset, _ in paragraphs(text) if offset >= (1 - share) * len(text)]
    if not borders:
        return row, None
    return replace(row, text=text[: borders[0]].rstrip()), part(row, borders[0], text[borders[0] :])


def _unlike(held_out: Sequence[Row], train: Sequence[Row]) -> list[Row]:
    """The held-out passages of which training has no near-copy."""
    groups = group_rows([*train, *held_out])
    seen = set(groups[: len(train)])
    return [row for row, group in zip(held_out, groups[len(train) :], strict=True) if group not in seen]
