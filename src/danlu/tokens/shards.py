"""Packed tokens on disk: what `data` writes and `training` reads. Whole documents, no padding.

A folder: documents.parquet (one row a document, in the order of packs) and manifest.json, written last.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from danlu.artefact import read_json, replacing, write_json
from danlu.errors import DataError

SCHEMA = "danlu/shards-1"


@dataclass(frozen=True, slots=True)
class Document:
    """One document: ids (T,) int32, mask (T,) bool as in tokens.Rendered, and where it came from."""

    ids: NDArray[np.int32]
    mask: NDArray[np.bool_]
    source: str
    row_id: str


def write_shards(folder: Path, packs: Sequence[Sequence[Document]], facts: dict[str, Any]) -> dict[str, Any]:
    """Write packs of documents; returns the manifest. `facts` (max_length, hashes) are added to it."""
    documents = [(number, document) for number, pack in enumerate(packs) for document in pack]
    table = pa.table(
        {
            "pack": pa.array([number for number, _ in documents], pa.int32()),
            "source": pa.array([d.source for _, d in documents], pa.string()),
            "row_id": pa.array([d.row_id for _, d in documents], pa.string()),
            "ids": pa.array([d.ids for _, d in documents], pa.list_(pa.int32())),
            "mask": pa.array([d.mask for _, d in documents], pa.list_(pa.bool_())),
        }
    )
    digest = hashlib.sha256()
    for number, document in documents:
        digest.update(f"{number}\0{document.source}\0{document.row_id}\0{len(document.ids)}\0".encode())
        digest.update(document.ids.astype("<i4").tobytes() + document.mask.astype(np.uint8).tobytes())
    with replacing(folder / "documents.parquet") as neighbour:
        pq.write_table(table, neighbour)
    manifest = {
        "schema": SCHEMA,
        "sha256": digest.hexdigest(),
        "num_packs": len(packs),
        "num_documents": len(documents),
        "num_tokens": sum(len(d.ids) for _, d in documents),
        "num_supervised_tokens": sum(int(d.mask[1:].sum()) for _, d in documents),
        "documents_by_source": dict(Counter(d.source for _, d in documents)),
        **facts,
    }
    write_json(folder / "manifest.json", manifest)
    return manifest


class Shards:
    """Packs of documents, read back; `manifest` describes them."""

    def __init__(self, folder: Path) -> None:
        """Raises DataError where the folder holds no finished shards."""
        if not (folder / "manifest.json").is_file():
            raise DataError(f"{folder}: no finished data here (manifest.json is missing). Build the data first.")
        self.manifest: dict[str, Any] = read_json(folder / "manifest.json")
        if self.manifest.get("schema") != SCHEMA:
            raise DataError(f"{folder}: manifest.json has schema {self.manifest.get('schema')!r}, not {SCHEMA}.")
        self._table = pq.read_table(folder / "documents.parquet")
        packs = self._table["pack"].to_numpy()
        self._first = np.searchsorted(packs, np.arange(len(self) + 1))

    def __len__(self) -> int:
        return int(self.manifest["num_packs"])

    def pack(self, number: int) -> list[Document]:
        """The documents of one pack."""
        first, after = int(self._first[number]), int(self._first[number + 1])
        return list(_documents(self._table.slice(first, after - first)))

    def documents(self) -> Iterator[Document]:
        """Every document, in the order of packs."""
        yield from _documents(self._table)


def _documents(table: pa.Table) -> Iterator[Document]:
    columns = (table[name].to_pylist() for name in ("ids", "mask", "source", "row_id"))
    for ids, mask, source, row_id in zip(*columns, strict=True):
        yield Document(np.asarray(ids, np.int32), np.asarray(mask, np.bool_), source, row_id)
