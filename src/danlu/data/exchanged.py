"""Signs that two roles, or two columns, stand in each other's place: told and not refused, for somebody may mean it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from danlu.data.row import Row

_FEWEST = 10  # rows: fewer may well be like this by chance
_ASKING, _TELLING = 0.8, 0.2  # share of the assistant's turns that ask, and of the user's
_LONGER = 1.5  # times as long as the assistant's are the user's turns
_QUESTION = ("?", "？", "؟")


def notes(rows: Sequence[Row]) -> Iterator[str]:
    """A sentence for each source whose assistant asks and whose users explain."""
    by_source: dict[str, list[Row]] = {}
    for row in rows:
        if row.text is None:
            by_source.setdefault(row.source, []).append(row)
    for source, own in by_source.items():
        asking, telling = (_turns(own, role) for role in ("assistant", "user"))
        if len(own) < _FEWEST or not telling:
            continue
        asked, told = _asking(asking), _asking(telling)
        if asked >= _ASKING and told <= _TELLING and _length(telling) >= _LONGER * _length(asking):
            yield (
                f"{source}: {asked:.0%} of the assistant's turns are questions, {told:.0%} of the user's, and the "
                "user's are longer. Are the roles or the columns swapped?"
            )


def _turns(rows: Sequence[Row], role: str) -> list[str]:
    return [m["content"].strip() for row in rows for m in row.messages if m["role"] == role and m["content"].strip()]


def _asking(turns: Sequence[str]) -> float:
    return sum(turn.endswith(_QUESTION) for turn in turns) / max(len(turns), 1)


def _length(turns: Sequence[str]) -> float:
    return median(map(len, turns)) if turns else 0
