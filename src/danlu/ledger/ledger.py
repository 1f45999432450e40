"""The ledger of a folder of runs: a row a run, for the planner, for `danlu runs` and for the weekly review."""

from __future__ import annotations

import datetime
import difflib
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from danlu import __version__
from danlu.artefact import write_json
from danlu.errors import DataError, LocatorError
from danlu.ledger import database, folder
from danlu.ledger.run import JSON, Run, this_process

NAME = "ledger.sqlite"


@dataclass(frozen=True, slots=True)
class Ledger:
    """Every run of the folders beside `path`; a run's name is that of its folder.

    Several processes may write at once, and a kill at any moment leaves whole rows. It is never the only copy:
    `absorb` registers a run from what its own folder holds. Every method raises DataError for a damaged file and
    StorageError for a disk that is full or not writable.
    """

    path: Path

    @classmethod
    def open(cls, path: Path) -> Ledger:
        """The ledger at `path`, made if it is not there, brought up to this program's schema if it is older."""
        database.prepare(path)
        return cls(path)

    @classmethod
    def beside(cls, run: Path) -> Ledger:
        """The ledger that a run's folder belongs to: the one beside it."""
        return cls.open(run.absolute().parent / NAME)

    @classmethod
    def existing(cls, path: Path) -> Ledger:
        """The ledger at `path`. Raises DataError where there is none."""
        if not path.is_file():
            raise DataError(
                f"{path}: there is no ledger here. `danlu run RECIPE` starts one; where run folders are left, "
                "`danlu runs --rebuild` registers them anew."
            )
        return cls.open(path)

    @classmethod
    def rebuild(cls, root: Path) -> tuple[Ledger, list[str], list[str]]:
        """Register every run folder in `root`, in a new file if the old one is damaged.

        Returns the ledger, the names that it registered, and a sentence for each folder that cannot be read. A
        damaged ledger is kept beside the new one, as ledger.sqlite.damaged. Raises DataError if there is no `root`.
        """
        if not root.is_dir():
            raise DataError(f"{root}: there is no such folder, so there are no runs to register.")
        path = root / NAME
        if path.is_file() and not database.is_sound(path):
            for suffix in ("-wal", "-shm"):
                path.with_name(NAME + suffix).unlink(missing_ok=True)
            path.replace(path.with_name(f"{NAME}.damaged"))
        ledger = cls.open(path)
        names, complaints = [], []
        for recipe in sorted(root.glob(f"*/{folder.RECIPE}")):
            try:
                names.append(ledger.absorb(recipe.parent))
            except DataError as error:
                complaints.append(str(error))
        return ledger, names, complaints

    def begin(self, run: Path, *, machine: Mapping[str, Any], code: str, accepted: Mapping[int, str]) -> str:
        """Put a run on record that starts or goes on now; returns its name, by which the other methods know it.

        run: its folder, whose recipe.yaml is written. machine: as run.json has it. code: fingerprint of the
        program. accepted: refusals accepted, with reasons.
        """
        name = run.absolute().name
        columns = {
            **folder.described(run),
            **this_process(),
            "status": "running",
            "error": None,
            "finished": None,
            "machine": dict(machine),
            "code": code,
            "version": __version__,
            "accepted": {str(number): reason for number, reason in accepted.items()},
        }
        with database.writing(self.path) as connection:
            known = connection.execute("SELECT attempts FROM runs WHERE name = ?", (name,)).fetchone()
            columns["attempts"] = 1 if known is None else known["attempts"] + 1
            self._put(connection, name, columns if known else {**columns, "started": _now()})
        return name

    def finish(self, name: str, result: Mapping[str, Any]) -> None:
        """The run came to its report. result: what `danlu run --json` prints."""
        columns = folder.resulting(result, self.path.parent)
        self._end(name, {**columns, "status": "finished", "error": None, "finished": _now()})

    def fail(self, name: str, error: str, *, interrupted: bool = False) -> None:
        """The run ended before its report; error: the sentence that its user saw. What was planned is kept."""
        status = "interrupted" if interrupted else "failed"
        columns = folder.planned(self.path.parent / name)
        self._end(name, {**columns, "status": status, "error": error, "finished": _now()})

    def absorb(self, run: Path) -> str:
        """Register a run from its folder alone; returns its name. Raises DataError for a folder that is no run's.

        What the ledger knows already and the folder does not tell (outcome, machine, code) stays.
        """
        name = run.absolute().name
        columns = folder.remembered(run)
        with database.writing(self.path) as connection:
            known = connection.execute("SELECT * FROM runs WHERE name = ?", (name,)).fetchone()
            if known and Run.from_row(known).status in {"running", "failed"} and columns["status"] != "finished":
                return name  # the ledger knows more than the folder
            columns["attempts"] = known["attempts"] if known else 1
            self._put(connection, name, columns)
        return name

    def runs(self) -> list[Run]:
        """Every run, newest first."""
        with database.reading(self.path) as connection:
            rows = connection.execute("SELECT * FROM runs ORDER BY started DESC, name").fetchall()
        return [Run.from_row(row) for row in rows]

    def run(self, name: str) -> Run:
        """The run of this name. Raises LocatorError with the nearest one."""
        with database.reading(self.path) as connection:
            row = connection.execute("SELECT * FROM runs WHERE name = ?", (name,)).fetchone()
            names = [known["name"] for known in connection.execute("SELECT name FROM runs ORDER BY started DESC")]
        if row is None:
            near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
            hint = f"Did you mean {near[0]}?" if near else "`danlu runs` lists them."
            raise LocatorError(f"{self.path.parent}: no run is called {name}. {hint}")
        return Run.from_row(row)

    def history(self, hardware: str) -> list[dict[str, Any]]:
        """Finished runs on this hardware, oldest first: {hardware, plan, actual}, for the planner's calibration.

        A stage that several runs share through the store was measured once, so it is told once.
        """
        told: set[tuple[str, str]] = set()
        rows = []
        for run in reversed(self.runs()):
            plan, actual = run.plan, run.actual
            if run.status != "finished" or not plan or not actual:
                continue
            if (plan.get("hardware") or {}).get("name") != hardware:
                continue
            stages = [s for s in actual["stages"] if (s["name"], s.get("key")) not in told]
            told |= {(s["name"], s["key"]) for s in stages if s.get("key")}
            if stages:
                rows.append({"hardware": hardware, "plan": plan, "actual": {**actual, "stages": stages}})
        return rows

    def set_outcome(self, name: str, outcome: str | None = None, cause: str | None = None) -> Run:
        """Keep the user's words on a run, here and in its folder; None leaves what is there. Raises LocatorError."""
        known = self.run(name)
        words = {
            "outcome": known.outcome if outcome is None else outcome,
            "cause": known.cause if cause is None else cause,
        }
        here = self.path.parent / name
        if here.is_dir():
            write_json(here / folder.NOTES, words)
        with database.writing(self.path) as connection:
            self._put(connection, name, words)
        return self.run(name)

    def _end(self, name: str, columns: Mapping[str, Any]) -> None:
        with database.writing(self.path) as connection:
            known = connection.execute("SELECT 1 FROM runs WHERE name = ?", (name,)).fetchone()
            if not known:  # the ledger was lost while the run went on
                columns = {"attempts": 1, **folder.remembered(self.path.parent / name), **columns}
            self._put(connection, name, columns)

    def _put(self, connection: sqlite3.Connection, name: str, columns: Mapping[str, Any]) -> None:
        """Insert the row, or update the given columns of it."""
        values = {column: _encoded(column, value) for column, value in columns.items()}
        if connection.execute("SELECT 1 FROM runs WHERE name = ?", (name,)).fetchone():
            sets = ", ".join(f"{column} = :{column}" for column in values)
            connection.execute(f"UPDATE runs SET {sets} WHERE name = :name", {**values, "name": name})
        else:
            values["name"] = name
            marks = ", ".join(f":{column}" for column in values)
            connection.execute(f"INSERT INTO runs ({', '.join(values)}) VALUES ({marks})", values)


def _encoded(column: str, value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if column in JSON and value is not None else value


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
