"""`danlu runs`, `danlu show`, `danlu review`."""

import json

import pytest
import typer
from typer.testing import CliRunner

from danlu.cli.runs import review, runs, show
from danlu.errors import DanluError
from danlu.ledger import Ledger

APP = typer.Typer()
for command in (runs, show, review):
    APP.command()(command)
RESULT = {
    "schema": "danlu/run-1",
    "name": "tutor-demo",
    "goal": "ask",
    "stages": [{"name": "train", "key": "k", "status": "built", "wall_s": 187.5, "cpu_s": 300.0, "peak_rss_bytes": 1}],
    "plan": {"hardware": {"name": "here"}, "time_s": 167.0, "stages": [{"name": "train", "time_s": 167.0}]},
    "train": {"tokens_per_s": 239.0},
    "scenario": [],
    "guard": [],
    "verdict": "not_better",
    "ship": False,
    "why": "Do not ship: not better.",
    "weights_sha256": "7",
    "accepted": {},
    "base": {},
}


def said(*arguments):
    done = CliRunner().invoke(APP, [str(a) for a in arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "runs" / "tutor-demo"
    folder.mkdir(parents=True)
    (folder / "recipe.yaml").write_text("name: tutor-demo\ngoal: ask\n")
    ledger = Ledger.beside(folder)
    ledger.finish(ledger.begin(folder, machine={}, code="", accepted={}), RESULT)
    (folder / "run.json").write_text(json.dumps(RESULT))
    return tmp_path / "runs"


def test_runs_lists_each_run_with_its_verdict_and_times(root):
    text = said("runs")
    for told in ("tutor-demo", "ask", "not better", "no", "2.8 min → 3.1 min"):
        assert told in text
    (row,) = json.loads(said("runs", "--json"))["runs"]
    assert (row["name"], row["verdict"], row["ship"], row["planned_s"], row["actual_s"]) == (
        "tutor-demo",
        "not_better",
        False,
        167.0,
        187.5,
    )


def test_show_prints_what_run_printed(root):
    assert json.loads(said("show", "tutor-demo", "--json")) == RESULT
    assert json.loads(said("show", root / "tutor-demo", "--json")) == RESULT
    assert "Not better: do not ship" in said("show", "tutor-demo")


def test_show_knows_a_run_that_the_ledger_lost(root):
    (root / "ledger.sqlite").unlink()
    assert json.loads(said("show", "tutor-demo", "--json")) == RESULT


def test_a_name_that_is_no_run_is_answered_with_the_nearest(root):
    with pytest.raises(DanluError, match="Did you mean tutor-demo"):
        said("show", "tutor-demmo")


def test_where_nothing_was_run_a_sentence_says_how_to(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DanluError, match="danlu run RECIPE"):
        said("runs")
    assert list(tmp_path.iterdir()) == []


def test_a_lost_ledger_is_rebuilt(root):
    (root / "ledger.sqlite").write_bytes(b"x" * 5000)
    assert "tutor-demo" in said("runs", "--rebuild")


def test_review_keeps_the_cause_that_is_filled_in(root):
    assert "to fill in" in said("review")
    assert "too few rows" in said("review", "--set", "tutor-demo", "--cause", "too few rows", "--outcome", "it tells")
    (row,) = json.loads(said("review", "--json"))["runs"]
    assert (row["cause"], row["outcome"]) == ("too few rows", "it tells")


@pytest.mark.parametrize("arguments", [("--cause", "x"), ("--set", "tutor-demo"), ("--week", "soon")])
def test_review_says_what_is_missing(root, arguments):
    with pytest.raises(DanluError, match=r"--set|--cause|there is no such week"):
        said("review", *arguments)
