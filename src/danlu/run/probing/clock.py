"""When things happened, in wall and processor time, and how much of the processor others took meanwhile."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psutil

from danlu.compute.local.probe import BUSY

_EFFICIENCY = 0.94  # of each thread beside the first, where products are shared out


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time. cpu_s: that this process had of the processor."""

    wall_s: float
    cpu_s: float

    def __sub__(self, other: Span) -> Span:
        """What is left without it."""
        return Span(self.wall_s - other.wall_s, self.cpu_s - other.cpu_s)

    def __add__(self, other: Span) -> Span:
        """One after the other."""
        return Span(self.wall_s + other.wall_s, self.cpu_s + other.cpu_s)

    def __mul__(self, factor: float) -> Span:
        """So many times as long."""
        return Span(factor * self.wall_s, factor * self.cpu_s)

    def idle_s(self, threads: int, busy: float) -> float:
        """Seconds on an idle machine: as measured, or by processor time where others took part of the processor.

        threads: that work at it at once; one where nothing is shared out.
        """
        if busy <= BUSY:
            return self.wall_s
        return min(self.wall_s, self.cpu_s / (1 + _EFFICIENCY * (threads - 1)))


def now() -> Span:
    """Since some moment."""
    return Span(time.perf_counter(), time.process_time())


@dataclass(slots=True)
class Clock:
    """Hears the events of stages and keeps when each was."""

    heard: list[tuple[Span, str, Mapping[str, Any]]] = field(default_factory=list)

    def __call__(self, event: str, fields: Mapping[str, object]) -> None:
        """An event, now."""
        self.heard.append((now(), event, fields))

    def all(self, event: str, **wanted: object) -> list[tuple[Span, Mapping[str, Any]]]:
        """Every event of this name with these fields."""
        return [
            (at, fields)
            for at, name, fields in self.heard
            if name == event and all(fields.get(key) == value for key, value in wanted.items())
        ]

    def stage(self, name: str) -> tuple[Span, Span]:
        """When a stage was started, and when it was there."""
        return self.all("stage", stage=name, status="started")[0][0], self.all("stage", stage=name)[-1][0]


class Processor:
    """Watches the whole processor from its making on."""

    def __init__(self) -> None:
        self._began, self._used = time.perf_counter(), self._others_s()

    def busy(self) -> float:
        """Share of it that was not idle and not this process's or its children's."""
        whole = (time.perf_counter() - self._began) * (psutil.cpu_count() or 1)
        return min(1.0, max(0.0, (self._others_s() - self._used) / whole))

    @staticmethod
    def _others_s() -> float:
        times, own = psutil.cpu_times(), psutil.Process().cpu_times()
        at_work = times.user + times.system + getattr(times, "nice", 0.0)
        return float(at_work - own.user - own.system - own.children_user - own.children_system)
