"""From sources to packed tokens: read → clean → filter → deduplicate → decontaminate → mix → overlong → pack.

A row meets the steps one after the other as it is read, and leaves by the first that objects, so that what is
removed is never held in memory. Every departure is a line of decisions.parquet.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from danlu.artefact import write_json
from danlu.data import card, exchanged
from danlu.data.clean import clean
from danlu.data.decisions import Decisions, Removal
from danlu.data.decontaminate import Contamination, refuse_unchecked
from danlu.data.deduplicate import Copies
from danlu.data.filter import judge
from danlu.data.mix import uses
from danlu.data.overlong import check_lost, fit
from danlu.data.pack import pack
from danlu.data.row import Row
from danlu.data.sources import check_licences, held_out, read_source
from danlu.errors import Waivers
from danlu.hub.store import Emit, silent
from danlu.recipe.data import Data
from danlu.tokens import Document, Renderer, write_shards

Judge = Callable[[Row], Removal | None]
_TELL_EVERY = 100
_HELD_OUT = Removal("held out for evaluation")


def build(
    data: Data,
    folder: Path,
    *,
    renderer: Renderer,
    items: Mapping[str, str],
    root: Path,
    left_out: Collection[str] = (),
    waivers: Waivers | None = None,
    emit: Emit = silent,
) -> dict[str, Any]:
    """Write the data of a recipe to `folder`; returns its card, with `cpu_s` beside it.

    items: item_id → text of the evaluation, which no row may hold. root: where the recipe's relative paths start.
    left_out: ids of rows that are held out for evaluation.
    folder: documents.parquet, manifest.json, decisions.parquet, and card.json last. emit: hears `count`,
    `data_step` and `note`. Raises DataError for a bad row or when nothing is left, Refusal 1, 2, 14 and 16.
    """
    started = time.process_time()
    waivers = waivers or Waivers()
    check_licences(data.sources, waivers)
    judges, contamination = _judges(data, items, root, waivers)
    if left_out:
        judges = {"hold out": lambda row: _HELD_OUT if row.row_id in left_out else None, **judges}
    decisions = Decisions([*judges, "mix", "overlong"])
    rows = _read(data, root, judges, decisions, emit)
    if contamination is not None:
        contamination.refuse_found(waivers)
    decisions.check_some_left()
    notes = list(exchanged.notes(rows))
    for note in notes:
        emit("note", {"sentence": note})
    rows, times = _mix(rows, data, decisions, emit)
    documents, lost = _documents(rows, times, data=data, renderer=renderer, decisions=decisions, emit=emit)
    packs = pack([len(document.ids) for document in documents], data.max_length, data.seed)
    for name in (card.FILE, "manifest.json"):  # a kill from here on must not leave parts that look whole
        (folder / name).unlink(missing_ok=True)
    decisions.write(folder)
    manifest = write_shards(folder, [[documents[i] for i in numbers] for numbers in packs], _facts(data, renderer))
    described = card.describe(
        data,
        root,
        decisions=decisions,
        rows=[row for row in rows if decisions.kept(row)],
        documents=documents,
        lost=lost,
        manifest=manifest,
    )
    described["decontaminate"] = None if contamination is None else contamination.described()
    described["notes"] = notes
    write_json(folder / card.FILE, described)
    return {**described, "cpu_s": time.process_time() - started}


def _judges(
    data: Data, items: Mapping[str, str], root: Path, waivers: Waivers
) -> tuple[dict[str, Judge], Contamination | None]:
    """The steps that look at one row at a time, in order."""
    judges: dict[str, Judge] = {"clean": clean, "filter": partial(judge, rules=data.filter)}
    if data.deduplicate.enabled:
        judges["deduplicate"] = Copies(data.deduplicate)
    if not data.decontaminate.enabled:
        refuse_unchecked(waivers)
        return judges, None
    contamination = Contamination({**items, **held_out(data, root)}, data.decontaminate)
    return {**judges, "decontaminate": contamination}, contamination


def _read(data: Data, root: Path, judges: Mapping[str, Judge], decisions: Decisions, emit: Emit) -> list[Row]:
    """The rows that every judge lets pass, in the order of sources."""
    kept = []
    for source in data.sources:
        for row in read_source(source, data, root):
            decisions.add(row)
            for name, judged in judges.items():
                if removal := judged(row):
                    decisions.remove(row, name, removal)
                    break
            else:
                kept.append(row)
    for name in ("read", *judges):
        emit("data_step", decisions.step(name))
    return kept


def _mix(rows: Sequence[Row], data: Data, decisions: Decisions, emit: Emit) -> tuple[list[Row], dict[str, int]]:
    """The rows that are used, and how often each is."""
    times = uses(rows, data.sources, data.seed)
    for row in rows:
        if not times[row.row_id]:
            decisions.remove(row, "mix", Removal("left out by share"))
    emit("data_step", decisions.step("mix"))
    return [row for row in rows if times[row.row_id]], times


def _documents(
    rows: Sequence[Row],
    times: Mapping[str, int],
    *,
    data: Data,
    renderer: Renderer,
    decisions: Decisions,
    emit: Emit,
) -> tuple[list[Document], dict[str, int]]:
    """Every document as often as it is used, and the tokens lost, by source. Raises Refusal 2 past the threshold."""
    documents: list[Document] = []
    lost = Counter({source.name: 0 for source in data.sources})
    longest = 0
    for number, row in enumerate(rows, start=1):
        fitted = fit(row, data, renderer)
        longest = max(longest, fitted.longest)
        lost[row.source] += fitted.lost * times[row.row_id]
        if not fitted.documents:
            decisions.remove(row, "overlong", Removal("longer than max_length", f"{fitted.longest} tokens"))
        for rendered in fitted.documents:
            ids, mask = np.asarray(rendered.ids, np.int32), np.asarray(rendered.mask, np.bool_)
            documents += [Document(ids, mask, row.source, row.row_id)] * times[row.row_id]
        if number % _TELL_EVERY == 0 or number == len(rows):
            emit("count", {"what": "rendering rows", "done": number, "total": len(rows)})
    kept: Counter[str] = Counter()
    for document in documents:
        kept[document.source] += len(document.ids)
    check_lost(lost, kept, data, longest)
    decisions.check_some_left()
    emit("data_step", decisions.step("overlong"))
    return documents, dict(lost)


def _facts(data: Data, renderer: Renderer) -> dict[str, Any]:
    return {
        "max_length": data.max_length,
        "template_sha256": renderer.template_sha256,
        "tokenizer_sha256": renderer.tokenizer.sha256,
    }
