"""danlu's side of the table in docs/refusals.md: each case is run again and ends as the table says."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
try:
    from silent import every, good
finally:
    sys.path.remove(str(ROOT / "benchmarks"))

ROW = re.compile(r"^\| \[([a-z0-9-]+)\]\(#\1\) \| ([a-z ]+?)(?: \((\d+)\))? \|", re.MULTILINE)
TABLE = {name: (outcome, number) for name, outcome, number in ROW.findall((ROOT / "docs" / "refusals.md").read_text())}
SPOKEN = {"messages-opened-by-either"}  # a known false refusal: dialogues that either side may open


@pytest.mark.slow
@pytest.mark.parametrize("case", every.cases(), ids=lambda case: case.name)
def test_a_case_of_silent_failure_ends_as_the_table_says(case, tmp_path):
    case.fixture(tmp_path)
    finding = case.danlu(tmp_path)
    assert (finding.outcome, str(finding.refusal or "")) == TABLE[case.name], finding.said


@pytest.mark.slow
@pytest.mark.parametrize("one", good.GOOD, ids=lambda one: one.name)
def test_danlu_is_quiet_on_a_good_input(one, tmp_path):
    finding = good.quiet(one, tmp_path)
    assert (finding.outcome == "handled") == (one.name not in SPOKEN), finding.said
