"""The table of silent failures in docs/refusals.md names the cases that exist, and every refusal has a case."""

import re
import sys
from pathlib import Path

import pytest

from danlu.errors import REFUSALS

ROOT = Path(__file__).parents[3]
BENCHMARKS = ROOT / "benchmarks"
TEXT = (ROOT / "docs" / "refusals.md").read_text()
ROW = re.compile(r"^\| \[([a-z0-9-]+)\]\(#\1\) \| ([a-z ]+?)(?: \((\d+)\))? \|", re.MULTILINE)


@pytest.fixture(scope="module")
def cases():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        from silent import every

        return every.cases()
    finally:
        sys.path.remove(str(BENCHMARKS))


def test_the_table_names_exactly_the_cases_that_exist(cases):
    assert [name for name, _, _ in ROW.findall(TEXT)] == [case.name for case in cases]
    assert re.findall(r"^#### (\S+)$", TEXT, re.MULTILINE) == [case.name for case in cases]


def test_every_refusal_has_a_case_and_forty_cases_cite_where_it_hurt(cases):
    assert {case.refusal for case in cases} - {None} == set(REFUSALS)
    assert sum(case.thread.startswith("https://github.com/") for case in cases) >= 40


def test_danlu_catches_or_handles_nearly_all_and_speaks_without_need_in_at_most_one_of_fifty(cases):
    outcomes = [outcome for _, outcome, _ in ROW.findall(TEXT)]
    applies = [outcome for outcome in outcomes if outcome != "not applicable"]
    assert sum(outcome in {"refused", "handled", "warned"} for outcome in applies) >= 0.95 * len(applies)
    false, fine = re.search(r"^- danlu on (\d+) good inputs: (\d+) false", TEXT, re.MULTILINE).group(2, 1)
    assert int(fine) >= 50 and int(false) <= 0.02 * int(fine)
