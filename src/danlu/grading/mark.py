"""The one seam of grading: a reply goes in, a mark with its reason comes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from danlu.text.words import words


class Reply(Protocol):
    """What a verifier sees of a reply: what was said, and "stop" if the model ended it, rather than a limit."""

    @property
    def text(self) -> str:
        """The words."""

    @property
    def finish_reason(self) -> str:
        """Why the reply ended."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Whether a reply passed, and in words why (or why not)."""

    passed: bool
    reason: str

    def to_json(self) -> dict[str, bool | str]:
        """For the log of items."""
        return {"passed": self.passed, "reason": self.reason}


Verifier = Callable[[Reply], Mark]
"""Marks one reply. It keeps no state and never raises, whatever the reply says."""


def all_of(*parts: Verifier) -> Verifier:
    """Passes where every part passes; the reason is that of the first failure."""

    def mark(reply: Reply) -> Mark:
        marks = (part(reply) for part in parts)
        return next((m for m in marks if not m.passed), Mark(True, "passes every part"))

    return mark


def exact(expected: str) -> Verifier:
    """The reply says exactly this; case, punctuation and spacing do not count."""

    def mark(reply: Reply) -> Mark:
        if words(reply.text) == words(expected):
            return Mark(True, "matches")
        return Mark(False, f"says {reply.text.strip()[:80]!r}, expected {expected!r}")

    return mark
