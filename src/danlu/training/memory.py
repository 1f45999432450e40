"""Memory of this process and what is left for it, in bytes. Source: Linux's cgroup v1 and v2 documentation; psutil."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import psutil

_CGROUPS = (  # folder, limit, what is used of it, and the used part that is cache to be given back; version 2, 1
    ("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
    ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)
_INTERVAL_S = 0.01


def used_bytes(others: Sequence[int] = ()) -> int:
    """Resident memory of this process and of `others`, by their ids; what they share counts for each."""
    return sum(_resident(process) for process in _processes(others))


def _processes(others: Sequence[int]) -> list[psutil.Process]:
    found = [psutil.Process()]
    for pid in others:
        with contextlib.suppress(psutil.NoSuchProcess):
            found.append(psutil.Process(pid))
    return found


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def available_bytes() -> int:
    """What this process can still take: the machine's free memory, or what its container has left."""
    left = int(psutil.virtual_memory().available)
    for folder, limit, used, cache in _CGROUPS:
        group = Path(folder)
        try:
            stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
            held = int((group / used).read_text()) - int(stat.get(cache, 0))
            left = min(left, int((group / limit).read_text()) - held)
        except (OSError, ValueError):  # no such group, or its limit is "max"
            continue
    return max(0, left)


class PeakMemory:
    """Largest resident memory (as in used_bytes) while the block runs, sampled a hundred times a second: `bytes`."""

    def __init__(self, others: Sequence[int] = ()) -> None:
        self._processes = _processes(others)
        self.bytes = used_bytes(others)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_INTERVAL_S):
            self.bytes = max(self.bytes, sum(_resident(process) for process in self._processes))
