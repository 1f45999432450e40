"""Rows of a recipe's sources, from a file or a generator, each with a licence and of the form that the recipe says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from danlu.artefact import hash_file
from danlu.data import general, passages, tutor
from danlu.data.documents import documents
from danlu.data.formats import read
from danlu.data.row import Row
from danlu.data.wording import PROMPTS, spoken
from danlu.errors import DataError, Waivers
from danlu.recipe.data import Data, FileSource, GeneratedSource, PassageSource, Source

_GENERATORS: Mapping[str, Callable[[int, int, str], Sequence[Row]]] = {"tutor": tutor.rows, "general": general.rows}


def check_licences(sources: Sequence[Source], waivers: Waivers) -> None:
    """Refusal 16 for sources without a licence, all named at once."""
    without = [source.name for source in sources if not (source.licence or "").strip()]
    if without:
        waivers.refuse(
            16,
            f"data.sources: {', '.join(without)} {'has' if len(without) == 1 else 'have'} no licence. Write "
            "`licence:` beside the name: an SPDX name such as CC-BY-4.0, `own`, or `unknown`.",
        )


def read_source(source: Source, data: Data, root: Path, most: int | None = None) -> Iterator[Row]:
    """The rows of one source, as they will be trained on. root: where relative paths start.

    most: rows that a generator makes at most, for an estimate. Raises DataError for a row that cannot be read or is
    not of the recipe's form.
    """
    rows: Iterator[Row]
    if isinstance(source, GeneratedSource):
        count = source.rows if most is None else min(most, source.rows)
        rows = iter(_GENERATORS[source.generator](count, source.seed, source.name))
    elif isinstance(source, PassageSource):
        rows = passages.rows(source)
    else:
        rows = read(root / source.path, source.format, source.name)
    if data.form == "text":
        rows = documents(rows, data.max_length)
    for row in rows:
        _check_form(row, data)
        yield with_system(row, data.system) if isinstance(source, FileSource) else row


def with_system(row: Row, system: str | None) -> Row:
    """The dialogue with the recipe's system prompt, where it has none of its own."""
    if system is None or row.text is not None or (row.messages and row.messages[0]["role"] in PROMPTS):
        return row
    return replace(row, messages=({"role": "system", "content": system}, *row.messages))


def held_out(data: Data, root: Path) -> dict[str, str]:
    """name → text of each row that was split off from a source for evaluation."""
    texts: dict[str, str] = {}
    for source in data.sources:
        if isinstance(source, FileSource) and source.held_out is not None:
            rows = read(root / source.held_out, "auto", f"{source.name} held out")
            texts |= {row.row_id: spoken(row) for row in rows}
    return texts


def origin(source: Source, root: Path) -> dict[str, Any]:
    """Where a source's rows come from, as the card tells it: no folder of this machine."""
    if isinstance(source, GeneratedSource):
        return {"generator": source.generator, "seed": source.seed}
    if isinstance(source, PassageSource):
        return {"passages": source.passages, "source": source.source}
    return {"path": Path(source.path).name, "sha256": hash_file(root / source.path)}


def _check_form(row: Row, data: Data) -> None:
    if data.form == "dialogues" and row.text is not None:
        raise DataError(
            f"{row.where}: plain text, but data.form is dialogues. Give rows with messages, or set data.form: text "
            "and training.objective: pretrain."
        )
    if data.form == "text" and row.text is None:
        raise DataError(
            f"{row.where}: a dialogue, but data.form is text. Give rows with a text, or set data.form: dialogues and "
            "training.objective: sft."
        )
