"""What is trained on and what is held out, and how the rows were told apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from danlu.data import general
from danlu.data.overlong import fit
from danlu.data.row import Row
from danlu.data.split import MIN_GROUPS, group_rows, split_by_group
from danlu.data.wording import spoken
from danlu.errors import DanluError, DataError
from danlu.hub.store import Emit, silent
from danlu.recipe import Data
from danlu.run.init.documents import blocks, split_texts
from danlu.run.init.survey import Look, look_at, look_at_texts
from danlu.tokens import Renderer, Tokenizer

_MOST = 900  # different rows that the generator has, nearly
_PROBED = 50  # general rows that are looked at
_REPLAY = 0.1  # share of the tokens


@dataclass(frozen=True, slots=True)
class Sides:
    """train: rendered. held_out: one row of each group, so that each counts for itself; left_out: its near-copies.

    exact: rows that repeat another word for word; near: others that ask or say almost the same as another.
    """

    train: tuple[Look, ...]
    held_out: tuple[Row, ...]
    left_out: int
    exact: int
    near: int
    how: str


def dialogue_sides(rows: Sequence[Row], renderer: Renderer, context: int, seed: int, emit: Emit) -> Sides:
    """Dialogues by group. Raises DataError for rows that do not render, and for too few different ones that fit."""
    looks = {look.row.row_id: look for look in look_at(rows, renderer, emit)}
    groups = group_rows(rows)
    group_of = {row.row_id: group for row, group in zip(rows, groups, strict=True)}
    long = {row.row_id for row in rows if max(looks[row.row_id].lengths) > context}
    unread = {group_of[row_id] for row_id in long}  # what the model cannot read whole cannot be asked
    asked = [row for row in rows if group_of[row.row_id] not in unread]
    numbers = [group_of[row.row_id] for row in asked]
    if long and len(set(numbers)) < MIN_GROUPS:
        raise DataError(
            f"{len(long)} of {len(rows)} rows are longer than the {context:,} tokens that this base can read. Shorten "
            "them, or choose a base with a longer context."
        )
    _, held_out = split_by_group(asked, seed=seed, groups=numbers)
    held = {group_of[row.row_id] for row in held_out}
    one_each = list({group_of[row.row_id]: row for row in reversed(held_out)}.values())[::-1]
    return Sides(
        tuple(looks[row.row_id] for row in rows if group_of[row.row_id] not in held),
        tuple(one_each),
        len(held_out) - len(one_each),
        *_copies(rows, groups),
        "by group, so that near-copies stay on one side",
    )


def text_sides(rows: Sequence[Row], tokenizer: Tokenizer, max_length: int, seed: int, emit: Emit) -> Sides:
    """Documents, cut at paragraphs into rows of at most `max_length` tokens. Raises DataError for too little text."""
    look_at_texts(rows, tokenizer, emit)  # complains of whole files, with their own lines

    def fits(text: str) -> bool:
        return len(tokenizer.encode(text)) < max_length  # one more token ends the row

    train, held_out, how = split_texts(rows, seed)
    cut = [block for row in train for block in blocks(row, fits)]
    return Sides(
        tuple(look_at_texts(cut, tokenizer, emit)),
        tuple(held_out),
        0,
        *_copies(rows, group_rows(rows)),
        how,
    )


def check_fit(looks: Sequence[Look], data: Data, context: int, renderer: Renderer) -> None:
    """Raises DataError where splitting long dialogues would still lose more than the recipe tolerates."""
    longer = [look for look in looks if max(look.lengths) > data.max_length]
    lost = [(fit(look.row, data, renderer).lost, look) for look in longer]
    total = sum(sum(look.lengths) for look in looks)
    if sum(tokens for tokens, _ in lost) <= data.max_lost_tokens * total:
        return
    tokens, worst = max(lost, key=lambda pair: pair[0])
    count = sum(1 for tokens, _ in lost if tokens)
    raise DataError(
        f"{count} of {len(looks)} rows hold an exchange longer than the {context:,} tokens that this base can read; "
        f"the longest, at {worst.row.where}, has {tokens:,}. Shorten them, or choose a base with a longer context."
    )


def _copies(rows: Sequence[Row], groups: Sequence[int]) -> tuple[int, int]:
    different = len({spoken(row) for row in rows})
    return len(rows) - different, max(different - len(set(groups)), 0)


def replay(renderer: Renderer, num_tokens: int, seed: int) -> tuple[int, int]:
    """(rows, tokens) of general instructions that make about a tenth of the training, or as many as there are."""
    probe = general.rows(_PROBED, seed, "general")
    try:
        looks = look_at(probe, renderer, silent)
    except DanluError:  # a template that cannot say them: the recipe then goes without
        return 0, 0
    mean = sum(sum(look.lengths) for look in looks) / len(looks)
    count = min(max(round(num_tokens * _REPLAY / (1 - _REPLAY) / mean), 10), _MOST)
    return count, round(count * mean)
