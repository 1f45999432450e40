"""The weekly review: goal, what happened, and a cause to fill in."""

import datetime

import pytest

from danlu.errors import DanluError
from danlu.ledger import Run
from danlu.run.report.review import monday, review, to_markdown

WEDNESDAY = datetime.date(2026, 11, 25)


def run(name, started, **fields):
    plan = {"time_s": 504.0, "memory_bytes": 1.64e9, "hardware": {"name": "Example CPU"}}
    empty = dict.fromkeys(Run.__slots__)
    known = {
        "name": name,
        "status": "finished",
        "started": f"{started}T12:00:00+00:00",
        "attempts": 1,
        "goal": "Ask, do not tell <b>.",
        "plan": plan,
        "actual": {"time_s": 480.0, "peak_rss_bytes": 1.9e9},
        "verdict": "better",
        "ship": True,
        "why": "Ship: better than the base.",
    }
    return Run(**(empty | known | fields))


RUNS = [
    run("next", "2026-11-30"),
    run("broken", "2026-11-27", status="failed", verdict=None, ship=None, why=None, error="Disk full.", attempts=3),
    run("tutor", "2026-11-24", cause="The *data* was short.", outcome="It asks."),
    run("before", "2026-11-22"),
]


@pytest.mark.parametrize(
    ("week", "first"), [(None, "2026-11-23"), ("2026-W47", "2026-11-16"), ("2026w1", "2025-12-29")]
)
def test_a_week_is_an_iso_week(week, first):
    assert monday(week, WEDNESDAY).isoformat() == first


@pytest.mark.parametrize("week", ["last", "2026-W54", "2026-11-24", ""])
def test_a_week_that_is_none_is_answered_with_how_to_write_one(week):
    with pytest.raises(DanluError, match="Write it as 2026-W48"):
        monday(week, WEDNESDAY)


def test_the_week_holds_its_own_runs_oldest_first():
    found = review(RUNS, monday(None, WEDNESDAY))
    assert (found["schema"], found["week"]) == ("danlu/review-1", "2026-W48")
    assert [r["name"] for r in found["runs"]] == ["tutor", "broken"]


def test_each_run_says_what_was_planned_what_happened_and_why_they_differ():
    text = to_markdown(review(RUNS, monday(None, WEDNESDAY)))
    assert text.startswith("# Week 2026-W48, 23 November to 29 November 2026\n")
    assert "2 runs: 1 fit to ship, 1 failed." in text
    tutor, broken = text.split("## ")[1:]
    assert "**Planned:** Ask, do not tell &lt;b&gt;. 8.4 min and 1.64 GB on Example CPU." in tutor
    assert "**Happened:** It asks. Better: ship. Ship: better than the base. It took 8.0 min (×0.95 of the" in tutor
    assert r"**Why they differ:** The \*data\* was short." in tutor
    assert "**Happened:** Failed. Disk full. It was started 3 times." in broken
    assert '**Why they differ:** to fill in: `danlu review --set broken --cause "…"`' in broken


def test_a_week_without_runs_says_so():
    assert "No run was started in this week." in to_markdown(review([], monday(None, WEDNESDAY)))
