"""What became of each row, and by which step: nothing leaves the data without a line that says why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from danlu.artefact import replacing
from danlu.data.row import Row
from danlu.errors import DataError

FILE = "decisions.parquet"


@dataclass(frozen=True, slots=True)
class Removal:
    """Why a row is removed. reason: a kind, to be counted; detail: this row's own; copy_of: the row that is kept."""

    reason: str
    detail: str = ""
    copy_of: str | None = None


class Decisions:
    """Every row that was read, and the removal of those that are gone. steps: names in the order they are taken."""

    def __init__(self, steps: Sequence[str]) -> None:
        self._steps = ("read", *steps)
        self._sources: dict[str, str] = {}
        self._removed: dict[str, tuple[str, Removal]] = {}

    def add(self, row: Row) -> None:
        """A row enters."""
        assert row.row_id not in self._sources, f"two rows are called {row.row_id}"
        self._sources[row.row_id] = row.source

    def remove(self, row: Row, step: str, removal: Removal) -> None:
        """A row leaves, once."""
        assert step in self._steps
        assert row.row_id not in self._removed, f"{row.row_id} was removed before"
        self._removed[row.row_id] = (step, removal)

    def kept(self, row: Row) -> bool:
        """Whether the row is still there."""
        return row.row_id not in self._removed

    def steps(self) -> list[dict[str, Any]]:
        """{name, rows_in, rows_out, removed: {reason: rows}} of each step."""
        removed: dict[str, Counter[str]] = {name: Counter() for name in self._steps}
        for step, removal in self._removed.values():
            removed[step][removal.reason] += 1
        described = []
        rows = len(self._sources)
        for name in self._steps:
            left = rows - removed[name].total()
            reasons = dict(sorted(removed[name].items()))
            described.append({"name": name, "rows_in": rows, "rows_out": left, "removed": reasons})
            rows = left
        return described

    def step(self, name: str) -> dict[str, Any]:
        """{name, rows_in, rows_out} of one step, as an event tells it."""
        found = next(step for step in self.steps() if step["name"] == name)
        return {key: found[key] for key in ("name", "rows_in", "rows_out")}

    def rows_by_source(self) -> Mapping[str, tuple[int, int]]:
        """source → (rows read, rows still there)."""
        read = Counter(self._sources.values())
        gone = Counter(self._sources[row_id] for row_id in self._removed)
        return {source: (count, count - gone[source]) for source, count in read.items()}

    def check_some_left(self) -> None:
        """Raises DataError, telling what each step removed, when no row is left."""
        if len(self._removed) < len(self._sources):
            return
        if not self._sources:
            raise DataError("the data has no row. Each source needs at least one.")
        told = [
            f"{step['name']} removed {step['rows_in'] - step['rows_out']} "
            f"({', '.join(f'{reason}: {count}' for reason, count in step['removed'].items())})"
            for step in self.steps()
            if step["removed"]
        ]
        raise DataError(f"nothing is left of the data: of {len(self._sources)} rows, {'; '.join(told)}.")

    def write(self, folder: Path) -> None:
        """decisions.parquet: id, kept, step, reason, cluster_id; a row for each row that was read, in its order.

        cluster_id: the id of the row that stands for this one and its copies; null where copies were not looked for.
        """
        removed = [self._removed.get(row_id) for row_id in self._sources]
        table = pa.table(
            {
                "id": pa.array(list(self._sources), pa.string()),
                "kept": pa.array([found is None for found in removed], pa.bool_()),
                "step": pa.array([found[0] if found else None for found in removed], pa.string()),
                "reason": pa.array([_reason(found[1]) if found else None for found in removed], pa.string()),
                "cluster_id": pa.array([self._cluster(row_id) for row_id in self._sources], pa.string()),
            }
        )
        with replacing(folder / FILE) as neighbour:
            pq.write_table(table, neighbour)

    def _cluster(self, row_id: str) -> str | None:
        if "deduplicate" not in self._steps:
            return None
        step, removal = self._removed.get(row_id, (self._steps[-1], Removal("")))
        if removal.copy_of is not None:
            return removal.copy_of
        return row_id if self._steps.index(step) > self._steps.index("deduplicate") else None


def _reason(removal: Removal) -> str:
    return f"{removal.reason}: {removal.detail}" if removal.detail else removal.reason
