"""The data card: what the data is, whose it is, what was removed and lost. The same data, the same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from danlu.artefact import hash_value
from danlu.data.decisions import Decisions
from danlu.data.mix import lottery
from danlu.data.row import Row
from danlu.data.sources import origin
from danlu.data.wording import replies
from danlu.recipe.data import Data
from danlu.text.diversity import distinct
from danlu.tokens import Document

SCHEMA = "danlu/data-1"
FILE = "card.json"
_NUM_SAMPLES = 3
_SAMPLE_CHARACTERS = 2000  # of a plain text
_HASHED = ("sha256", "max_length", "template_sha256", "tokenizer_sha256")


def describe(
    data: Data,
    root: Path,
    *,
    decisions: Decisions,
    rows: Sequence[Row],
    documents: Sequence[Document],
    lost: Mapping[str, int],
    manifest: Mapping[str, Any],
) -> dict[str, Any]:
    """The card. rows: those kept. lost: tokens by source. output_sha256 covers all that training sees."""
    return {
        "schema": SCHEMA,
        "form": data.form,
        "steps": decisions.steps(),
        "sources": _sources(data, root, decisions, documents, lost),
        "num_tokens": manifest["num_tokens"],
        "num_supervised_tokens": manifest["num_supervised_tokens"],
        "num_documents": manifest["num_documents"],
        "num_packs": manifest["num_packs"],
        "max_length": data.max_length,
        "overlong": data.overlong,
        "distinct_4": round(distinct((reply for row in rows for reply in replies(row)), 4), 6),
        "output_sha256": hash_value([manifest[key] for key in _HASHED]),
        "samples": [_sample(row) for row in lottery(rows, _NUM_SAMPLES, data.seed)],
    }


def _sources(
    data: Data, root: Path, decisions: Decisions, documents: Sequence[Document], lost: Mapping[str, int]
) -> list[dict[str, Any]]:
    counts = decisions.rows_by_source()
    described = []
    for source in data.sources:
        own = [document for document in documents if document.source == source.name]
        rows_in, rows_kept = counts.get(source.name, (0, 0))
        described.append(
            {
                "name": source.name,
                "licence": source.licence,
                "share": source.share,
                "rows_in": rows_in,
                "rows_kept": rows_kept,
                "documents": len(own),
                "tokens": sum(len(document.ids) for document in own),
                "supervised_tokens": sum(int(document.mask[1:].sum()) for document in own),
                "lost_tokens": lost[source.name],
                **origin(source, root),
            }
        )
    return described


def _sample(row: Row) -> list[Mapping[str, Any]]:
    if row.text is not None:
        return [{"role": "text", "content": row.text[:_SAMPLE_CHARACTERS]}]
    return list(row.messages)
