"""The week's review: for each run what was planned, what happened, and why they differ, as Markdown to keep."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from danlu.errors import DanluError
from danlu.ledger import Run
from danlu.run.report import words
from danlu.run.report.markdown import escaped

SCHEMA = "danlu/review-1"
_WEEK = re.compile(r"(\d{4})-?W(\d{1,2})")


def monday(week: str | None, today: datetime.date) -> datetime.date:
    """The first day of an ISO week such as 2026-W48; of today's week for None. Raises DanluError for another form."""
    if week is None:
        return today - datetime.timedelta(days=today.weekday())
    found = _WEEK.fullmatch(week.strip().upper())
    try:
        if found is not None:
            return datetime.date.fromisocalendar(int(found[1]), int(found[2]), 1)
    except ValueError:
        pass
    year, number, _ = today.isocalendar()
    raise DanluError(f"--week {week}: there is no such week. Write it as {year}-W{number:02d}.")


def review(runs: Sequence[Run], first: datetime.date) -> dict[str, Any]:
    """The runs that started in the week from `first`, oldest first, as `danlu review --json` prints them."""
    last = first + datetime.timedelta(days=6)
    own = [run for run in runs if first <= _day(run) <= last]
    year, number, _ = first.isocalendar()
    return {
        "schema": SCHEMA,
        "week": f"{year}-W{number:02d}",
        "first": first.isoformat(),
        "last": last.isoformat(),
        "runs": [_described(run) for run in sorted(own, key=lambda run: (run.started, run.name))],
    }


def to_markdown(reviewed: Mapping[str, Any]) -> str:
    """The review as Markdown."""
    first, last = (datetime.date.fromisoformat(reviewed[end]) for end in ("first", "last"))
    parts = [f"# Week {reviewed['week']}, {first:%d %B} to {last:%d %B %Y}"]
    parts.append(_counted(reviewed["runs"]))
    for run in reviewed["runs"]:
        parts.append(f"## {escaped(run['name'])}, {datetime.date.fromisoformat(run['day']):%A %d %B}")
        parts.append("\n".join(f"- **{name}:** {text}" for name, text in _lines(run)))
    return "\n\n".join(parts) + "\n"


def _day(run: Run) -> datetime.date:
    return datetime.datetime.fromisoformat(run.started).astimezone().date()


def _described(run: Run) -> dict[str, Any]:
    plan, actual = run.plan or {}, run.actual or {}
    return {
        **run.described(),
        "day": _day(run).isoformat(),
        "planned_memory_bytes": plan.get("memory_bytes"),
        "actual_memory_bytes": actual.get("peak_rss_bytes") or None,
        "hardware": (plan.get("hardware") or {}).get("name"),
    }


def _counted(runs: Sequence[Mapping[str, Any]]) -> str:
    if not runs:
        return "No run was started in this week."
    counts = {
        "fit to ship": sum(bool(run["ship"]) for run in runs),
        "finished, not to ship": sum(run["status"] == "finished" and not run["ship"] for run in runs),
        **{name: sum(run["status"] == name for run in runs) for name in ("failed", "interrupted", "running")},
    }
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return f"{words.plural(len(runs), 'run')}: {told}."


def _lines(run: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "Planned", " ".join(_planned(run))
    yield "Happened", " ".join(_happened(run))
    yield (
        "Why they differ",
        escaped(run["cause"]) if run["cause"] else f'to fill in: `danlu review --set {run["name"]} --cause "…"`',
    )


def _planned(run: Mapping[str, Any]) -> Iterator[str]:
    yield escaped(run["goal"]) if run["goal"] else "no goal was written (`goal:` in the recipe)."
    if run["planned_s"] is not None:
        size = words.size(run["planned_memory_bytes"])
        yield f"{words.duration(run['planned_s'])} and {size} on {escaped(run['hardware'] or 'this machine')}."


def _happened(run: Mapping[str, Any]) -> Iterator[str]:
    if run["outcome"]:
        yield f"{escaped(run['outcome'])}"
    yield f"{words.verdict(run)}."
    said = run["why"] or run["error"]
    if said:
        yield escaped(said)
    if run["status"] == "finished" and run["actual_s"]:
        yield (
            f"It took {words.duration(run['actual_s'])} ({words.ratio(run['actual_s'], run['planned_s'])} of the plan) "
            f"and {words.size(run['actual_memory_bytes'])} "
            f"({words.ratio(run['actual_memory_bytes'], run['planned_memory_bytes'])})."
        )
    if run["attempts"] > 1:
        yield f"It was started {run['attempts']} times."
