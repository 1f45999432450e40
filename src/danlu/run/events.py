"""A run's log: one JSON object a line, flushed as it happens, whole lines only."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from pathlib import Path

from danlu.artefact import storing
from danlu.hub.store import Emit


class Events:
    """Appends to events.jsonl and passes each event on. What a crash cut in half is dropped at opening."""

    def __init__(self, path: Path, listener: Emit) -> None:
        self._listener = listener
        self._path = path
        with storing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._handle = path.open("a+b")
            self._handle.seek(0)
            whole = self._handle.read().rfind(b"\n") + 1
            self._handle.truncate(whole)

    def __call__(self, event: str, fields: Mapping[str, object]) -> None:
        """Write one event with its time, then tell the listener."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": now, "event": event, **fields}, ensure_ascii=False, default=str)
        with storing(self._path):
            self._handle.write(line.encode() + b"\n")
            self._handle.flush()
        self._listener(event, fields)

    def close(self) -> None:
        """Close the file."""
        self._handle.close()
