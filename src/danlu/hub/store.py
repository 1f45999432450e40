"""The cache on this disk: each entry is built once, by one process, and is either whole or not there."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from danlu.artefact import storing

Emit = Callable[[str, Mapping[str, object]], None]


def silent(event: str, fields: Mapping[str, object]) -> None:
    """Hears an event and does nothing."""


@contextlib.contextmanager
def workspace(target: Path, *, resume: bool = False) -> Iterator[Path]:
    """An empty folder beside `target`, for one process at a time; it is gone when the block ends.

    A second process waits. The kernel drops the lock of one that was killed, and what it left is removed here;
    with `resume` it stays, and the builder goes on from it.
    """
    part = target.with_name(f".{target.name}.part")
    with storing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.with_name(f".{target.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not resume:
                shutil.rmtree(part, ignore_errors=True)
            part.mkdir(exist_ok=True)
            try:
                yield part
            finally:
                if not resume:
                    shutil.rmtree(part, ignore_errors=True)


def build_once(target: Path, build: Callable[[Path], None], *, resume: bool = False) -> None:
    """Fill the folder `target` by `build(folder)`, unless it is there; it appears under its name when whole."""
    if target.is_dir():
        return
    with workspace(target, resume=resume) as part:
        if target.is_dir():  # another process built it while this one waited
            return
        build(part)
        for path in part.rglob("*"):
            if path.is_file():
                with path.open("rb") as handle:
                    os.fsync(handle.fileno())
        part.rename(target)
