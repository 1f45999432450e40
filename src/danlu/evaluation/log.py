"""The log of one task: a JSON line an item, appended chunk by chunk, so that a kill costs at most one chunk."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from danlu.artefact import read_jsonl, storing
from danlu.errors import DataError

Record = dict[str, Any]


def append(
    path: Path,
    items: Sequence[Mapping[str, Any]],
    chunk: int,
    ask: Callable[[Sequence[Mapping[str, Any]]], list[Record]],
    progress: Callable[[int], None],
) -> None:
    """Ask for what is still missing, `chunk` items at a time, and append their records in the items' order.

    Only whole chunks count as done: what was left behind by a kill is cut, so that the chunks, and with them every
    last bit, are those of a run that nothing stopped. Raises DataError where the log holds other items.
    """
    done = _keep(path, items, chunk)
    progress(done)
    with storing(path), path.open("ab") as handle:
        while done < len(items):
            asked = items[done : done + chunk]
            records = ask(asked)
            assert [r["item_id"] for r in records] == [i["item_id"] for i in asked]
            lines = (json.dumps(r, ensure_ascii=False, allow_nan=False) + "\n" for r in records)
            handle.write("".join(lines).encode())
            handle.flush()
            os.fsync(handle.fileno())
            done += len(asked)
            progress(done)


def _keep(path: Path, items: Sequence[Mapping[str, Any]], chunk: int) -> int:
    """Number of items whose records stand in whole chunks; the rest of the file is cut off."""
    if not path.is_file():
        return 0
    lines = path.read_bytes().splitlines(keepends=True)
    if lines and not lines[-1].endswith(b"\n"):
        lines.pop()  # torn by a kill
    try:
        ids = [json.loads(line)["item_id"] for line in lines]
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f"{path}: not a log of answers. Move it away and run again.") from error
    if ids != [item["item_id"] for item in items[: len(ids)]]:
        raise DataError(f"{path}: holds answers to other items. Choose another folder, or move it away.")
    kept = len(ids) if len(ids) == len(items) else len(ids) // chunk * chunk
    with storing(path), path.open("r+b") as handle:
        handle.truncate(sum(map(len, lines[:kept])))
    return kept


def read(path: Path, items: Sequence[Mapping[str, Any]]) -> list[Record]:
    """A finished log's records, in the items' order. Raises DataError where answers are missing."""
    records = [record for _, record in read_jsonl(path)]
    if [r["item_id"] for r in records] != [i["item_id"] for i in items]:
        raise DataError(
            f"{path}: has {len(records)} answers for {len(items)} items, or answers to others. "
            "Run the evaluation again; what is finished is kept."
        )
    return records
