"""One writer per run: a lock that the kernel drops with its holder, and that names it."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from danlu.artefact import storing
from danlu.errors import RunLocked


@contextlib.contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold the run folder for the length of the block. Raises RunLocked, naming who holds it."""
    path = folder / ".lock"
    with storing(path):
        folder.mkdir(parents=True, exist_ok=True)
        handle = path.open("a+", encoding="utf-8")
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunLocked(
                f"{folder} is held by {_holder(path)}. Wait for it, stop it, or choose another folder with --out."
            ) from None
        handle.truncate(0)
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        handle.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": now}))
        handle.flush()
        yield


def _holder(path: Path) -> str:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        return f"process {facts['pid']} on {facts['host']}, since {facts['since']}"
    except (OSError, ValueError, KeyError):  # it holds the lock but has not signed yet
        return "another process"
