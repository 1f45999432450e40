"""One run as the ledger tells it."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

import psutil

Status = Literal["running", "finished", "failed", "interrupted"]
JSON = frozenset({"machine", "plan", "actual", "parents", "accepted", "result"})
"""Columns that hold JSON."""


@dataclass(frozen=True, slots=True)
class Run:
    """A row of the ledger.

    name: of the run's folder, relative to the ledger's. started, finished: UTC, ISO 8601; of the first attempt's
    start and the last one's end. error: the sentence that a failed run ended with. recipe: settled, as YAML text.
    code: fingerprint of the program; version: danlu's. plan: plan.json. actual: {stages, train, time_s,
    peak_rss_bytes}, as measured. parents: {base: {source, sha256, licence}, runs: [names]}. accepted: refusals that
    were accepted, with reasons. result: what `danlu run --json` printed. outcome, cause: the user's own words, what
    happened and why it differs from the goal.
    """

    name: str
    status: Status
    error: str | None
    started: str
    finished: str | None
    attempts: int
    goal: str | None
    outcome: str | None
    cause: str | None
    recipe: str
    recipe_sha256: str
    code: str | None
    version: str | None
    machine: Mapping[str, Any] | None
    plan: Mapping[str, Any] | None
    actual: Mapping[str, Any] | None
    parents: Mapping[str, Any] | None
    accepted: Mapping[str, str] | None
    result: Mapping[str, Any] | None
    verdict: str | None
    ship: bool | None
    why: str | None
    weights_sha256: str | None

    @classmethod
    def from_row(cls, row: sqlite3.Row) -> Run:
        """A run that its process left without a word is `interrupted`."""
        values = {f.name: _decoded(f.name, row[f.name]) for f in fields(cls)}
        if values["status"] == "running" and not _is_alive(row["pid"], row["host"], row["process_started"]):
            values["status"] = "interrupted"
        return cls(**values)

    @property
    def planned_s(self) -> float | None:
        """Time that the plan expected, all stages."""
        return None if self.plan is None else self.plan.get("time_s")

    @property
    def actual_s(self) -> float | None:
        """Time that its stages took when they were built, reused ones included."""
        return None if self.actual is None else self.actual.get("time_s")

    def shown(self) -> Mapping[str, Any]:
        """What `danlu run --json` printed; of a run that has not finished, what is known of it."""
        if self.result is not None and self.status == "finished":
            return self.result
        return {
            "schema": "danlu/run-1",
            "name": self.name,
            "goal": self.goal,
            "status": self.status,
            "error": self.error,
            "stages": [],
            "plan": self.plan,
            "accepted": self.accepted or {},
            "machine": self.machine,
        }

    def described(self) -> dict[str, Any]:
        """As JSON, for `danlu runs --json`: what a table shows of it."""
        names = ("name", "status", "error", "started", "finished", "attempts", "goal", "outcome", "cause")
        more = ("verdict", "ship", "why", "planned_s", "actual_s", "weights_sha256", "parents", "accepted")
        return {name: getattr(self, name) for name in names + more}


def this_process() -> dict[str, Any]:
    """Who is writing: a process id alone may be given again to another."""
    process = psutil.Process()
    return {"pid": process.pid, "host": socket.gethostname(), "process_started": process.create_time()}


def _is_alive(pid: int | None, host: str | None, started: float | None) -> bool:
    """Of another machine nothing is known, so its word that it runs stands."""
    if host != socket.gethostname():
        return host is not None
    if pid == os.getpid():
        return True
    try:
        return pid is not None and abs(psutil.Process(pid).create_time() - (started or 0)) < 1
    except psutil.Error:
        return False


def _decoded(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in JSON:
        return json.loads(value)
    return bool(value) if name == "ship" else value
