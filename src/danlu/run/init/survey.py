"""How the rows look to the model: each is rendered, its tokens and supervised tokens counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from danlu.data.row import Row
from danlu.errors import DanluError, DataError
from danlu.hub.store import Emit
from danlu.run.init.sources import complain
from danlu.tokens import Rendered, Renderer, Tokenizer


@dataclass(frozen=True, slots=True)
class Look:
    """One row as tokens. A template that rewrites earlier turns makes several trained rows of one dialogue."""

    row: Row
    rendered: tuple[Rendered, ...]

    @property
    def lengths(self) -> list[int]:
        """Tokens of each trained row."""
        return [len(r.ids) for r in self.rendered]

    @property
    def supervised(self) -> int:
        """Tokens that the loss counts; nothing stands before the first token to predict it from."""
        return sum(sum(r.mask[1:]) for r in self.rendered)

    @property
    def replies(self) -> list[int]:
        """Tokens of each reply."""
        lengths = []
        for rendered in self.rendered:
            edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(rendered.mask, np.int8), [0]])))
            lengths += [int(end - start) for start, end in zip(edges[::2], edges[1::2], strict=True)]
        return lengths


def look_at(rows: Sequence[Row], renderer: Renderer, emit: Emit) -> list[Look]:
    """Dialogues as the base's template renders them. Raises DataError listing the rows that it cannot."""
    looks, complaints = [], []
    for number, row in enumerate(rows, start=1):
        try:
            looks.append(Look(row, tuple(renderer.train_rows(row.messages, row.tools or None))))
        except DanluError as error:
            complaints.append(DataError(f"{row.where}: {error}"))
        _tell(emit, number, len(rows))
    if complaints:
        complain(complaints, len(rows), Path(str(complaints[0]).partition(":")[0]))
    return looks


def look_at_texts(rows: Sequence[Row], tokenizer: Tokenizer, emit: Emit) -> list[Look]:
    """Plain texts: every token is supervised, and one more ends the text."""
    looks, complaints = [], []
    end = [] if tokenizer.eos_id is None else [tokenizer.eos_id]
    for number, row in enumerate(rows, start=1):
        assert row.text is not None
        try:
            ids = tokenizer.encode(row.text) + end
            looks.append(Look(row, (Rendered(ids, [True] * len(ids)),)))
        except ValueError as error:
            complaints.append(DataError(f"{row.where}: {error}. Remove it from the text."))
        _tell(emit, number, len(rows))
    if complaints:
        complain(complaints, len(rows), Path(str(complaints[0]).partition(":")[0]))
    return looks


def _tell(emit: Emit, number: int, total: int) -> None:
    if number == total or number % 20 == 0:
        emit("count", {"what": "rendering rows", "done": number, "total": total})
