"""What a model from scratch is compared with: an n-gram model and zstd, given the text that it was trained on.

An untrained model would be no opponent. Both read the training documents and then say how many bits a held-out
document takes after them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from danlu.artefact import write_json, write_jsonl
from danlu.evaluation import ngram
from danlu.evaluation.answer import Emit
from danlu.evaluation.items import SCENARIO, read_items

Item = Mapping[str, Any]

FILE = "baselines.json"
LEVEL = 19
WINDOW_BYTES = 1 << 23
"""How far back zstd looks at that level."""
_GROUPS = 8  # of documents that zstd is asked about together
_VALIDATION = 0.05  # of the training text chooses the order
_TUNED_BYTES = 2 << 20


def measure_baselines(items: Path, out: Path, training: Sequence[str], emit: Emit) -> dict[str, Any]:
    """Write out/ngram.jsonl and out/zstd.jsonl, a record for each held-out document, and what they rest on.

    training: the documents that the model was trained on. Emits "answer" with task, arm, done and total.
    """
    out.mkdir(parents=True, exist_ok=True)
    asked = read_items(items, SCENARIO)
    documents = [item["text"].encode() for item in asked]
    known = [text.encode() for text in training if text]
    described: dict[str, Any] = {"documents": len(known), "bytes": sum(map(len, known))}
    for arm, measured in (("ngram", _ngram), ("zstd", _zstd)):
        progress = {"task": SCENARIO, "arm": arm, "total": len(asked)}
        emit("answer", {**progress, "done": 0})
        rows, described[arm] = measured(known, documents)
        write_jsonl(out / f"{arm}.jsonl", [_record(item, row) for item, row in zip(asked, rows, strict=True)])
        emit("answer", {**progress, "done": len(asked)})
    write_json(out / FILE, described)
    return described


def _record(item: Item, row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "item_id": item["item_id"],
        "cluster": row.get("group", item["cluster"]),
        "bits": row["bits"],
        "bytes": len(item["text"].encode()),
    }


def _ngram(training: Sequence[bytes], documents: Sequence[bytes]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The order is chosen on training documents, then the model counts all of them."""
    known = _most(training, ngram.MAX_BYTES)
    tuned = _most(training, _TUNED_BYTES)
    held = max(1, round(len(tuned) * _VALIDATION))
    order = ngram.best_order(tuned[held:], tuned[:held]) if len(tuned) > held else 1
    rows = [{"bits": float(found.sum())} for found in ngram.bits(known, documents, order)]
    return rows, {"order": order, "bytes": sum(map(len, known))}


def _zstd(training: Sequence[bytes], documents: Sequence[bytes]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """What documents add to the compressed training text, which must lie in zstd's window with them.

    zstd tells a size only for the whole, and takes seconds each time. So a few groups of documents are measured, and
    a document has its share of its group's bits by its bytes; comparisons are by group. To compress a group together
    is an advantage for zstd.
    """
    codec = pa.Codec("zstd", compression_level=LEVEL)
    sizes = [len(document) for document in documents]
    groups = list(_groups(sizes))
    longest = max(sum(sizes[n] for n in group) for group in groups)
    known = b"".join(training)[-max(WINDOW_BYTES - longest, 1) :]
    alone = codec.compress(known).size
    rows: list[dict[str, Any]] = []
    for number, group in enumerate(groups):
        together = codec.compress(known + b"".join(documents[n] for n in group)).size
        per_byte = 8 * max(together - alone, 0) / sum(sizes[n] for n in group)
        rows += [{"bits": per_byte * sizes[n], "group": f"group:{number}"} for n in group]
    return rows, {"level": LEVEL, "window_bytes": WINDOW_BYTES, "groups": len(groups), "bytes": len(known)}


def _groups(sizes: Sequence[int]) -> Iterator[list[int]]:
    """The documents in order, in groups of about as many bytes."""
    group: list[int] = []
    total, done, made = sum(sizes), 0, 0
    for number, size in enumerate(sizes):
        group.append(number)
        done += size
        if done * _GROUPS >= total * (made + 1):
            yield group
            group, made = [], done * _GROUPS // total
    if group:
        yield group


def _most(documents: Sequence[bytes], limit: int) -> list[bytes]:
    """The first documents that together are no longer than the limit, and at least one."""
    kept: list[bytes] = []
    total = 0
    for document in documents:
        total += len(document)
        if kept and total > limit:
            break
        kept.append(document[:limit])
    return kept
