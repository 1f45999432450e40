"""What a stage cost: wall time, CPU time and the peak of resident memory, over all attempts at it."""

from __future__ import annotations

import contextlib
import json
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from danlu.artefact import read_json, write_json

NAME = ".measured.json"
_REUSED = ".reused.json"
_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Cost:
    """wall_s, cpu_s in seconds (children included); peak_rss_bytes of this process."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_rss_bytes: int = 0

    def plus(self, other: Cost) -> Cost:
        """Times add up, peaks do not."""
        return Cost(
            self.wall_s + other.wall_s,
            self.cpu_s + other.cpu_s,
            max(self.peak_rss_bytes, other.peak_rss_bytes),
        )

    def described(self) -> dict[str, Any]:
        """As JSON."""
        return {"wall_s": self.wall_s, "cpu_s": self.cpu_s, "peak_rss_bytes": self.peak_rss_bytes}


class Meter:
    """Measures from its making on; `tick` keeps the sum on disk, so that a killed attempt counts too."""

    def __init__(self, folder: Path) -> None:
        _forget_peak()
        self._path = folder / NAME
        self._before = read(folder)
        self._wall, self._cpu = time.monotonic(), _cpu_s()
        self._written = self._wall

    def cost(self) -> Cost:
        """All attempts so far, this one included."""
        return self._before.plus(Cost(time.monotonic() - self._wall, _cpu_s() - self._cpu, _peak_rss_bytes()))

    def tick(self) -> None:
        """Write the cost so far, at most once a second."""
        if time.monotonic() - self._written >= _EVERY_S:
            self.write()

    def write(self) -> None:
        """Write the cost so far."""
        write_json(self._path, self.cost().described())
        self._written = time.monotonic()


def read(folder: Path) -> Cost:
    """What building `folder` has cost; zeros where nothing is on record."""
    try:
        facts: Mapping[str, Any] = json.loads((folder / NAME).read_text(encoding="utf-8"))
        return Cost(**facts)
    except (OSError, ValueError, TypeError):
        return Cost()


def lend(folder: Path, part: Path) -> None:
    """Note that a part of `folder`, which is under way, was built by another run: that took time, but not here."""
    path = folder / _REUSED
    before = read_json(path)["wall_s"] if path.is_file() else 0.0
    write_json(path, {"wall_s": before + read(part).wall_s})


def reused_s(folder: Path) -> float:
    """Seconds that other runs had spent on parts of `folder`: a whole build takes as much longer."""
    path = folder / _REUSED
    return float(read_json(path)["wall_s"]) if path.is_file() else 0.0


def _cpu_s() -> float:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _forget_peak() -> None:
    """Linux: let the peak start again from what is resident now. Elsewhere the peak is that of the process."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak_rss_bytes() -> int:
    with contextlib.suppress(OSError), Path("/proc/self/status").open() as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
