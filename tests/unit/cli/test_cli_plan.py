"""`danlu plan` answers on one screen, and in JSON with the promised keys."""

import json
import os
import re
import subprocess
import sys

import pytest

from danlu.artefact import write_jsonl
from danlu.cli.plan import plan as command
from danlu.compute.words import duration, gigabytes, money
from danlu.errors import DataError, LocatorError, RecipeError

RECIPE = """\
name: mine
base: {{model: {base}}}
data:
  max_length: 128
  sources: [{{name: rows, path: rows.jsonl, licence: own}}]
training: {{optimizer: {{lr: 1e-3}}}}
evaluation:
  scenario: {{kind: held-out, path: held.jsonl}}
  guard: {{tasks: [general-text]}}
"""
TALK = [{"role": "user", "content": "6 times 4?"}, {"role": "assistant", "content": "Six how often?"}]


def plan(recipe, overrides=(), *, as_json=False):
    command(words=[str(recipe), *overrides], as_json=as_json)


@pytest.fixture
def recipe(tiny_base, tmp_path, monkeypatch):
    monkeypatch.setenv("DANLU_CACHE", str(tmp_path / "cache"))  # a probe of this machine's own would correct the plan
    write_jsonl(tmp_path / "rows.jsonl", [{"messages": TALK}] * 40)
    write_jsonl(tmp_path / "held.jsonl", [{"messages": TALK}] * 10)
    path = tmp_path / "mine.yaml"
    path.write_text(RECIPE.format(base=tiny_base))
    return path


def test_json_has_the_promised_keys(recipe, capsys):
    plan(recipe, as_json=True)
    described = json.loads(capsys.readouterr().out)
    assert described["schema"] == "danlu/plan-1"
    assert {
        "hardware", "model", "tokens", "stages", "time_s", "memory", "memory_bytes", "fits", "bottleneck", "flops",
        "energy_wh", "cost", "assumptions", "formulas",
    } <= set(described)  # fmt: skip
    assert described["fits"] is True
    row = len(TALK[0]["content"]) + len(TALK[1]["content"])
    assert 40 * row < described["tokens"]["total"] < 40 * (row + 80)  # a byte a token, and the template's own


def test_a_person_reads_verdict_memory_time_and_assumptions(recipe, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    plan(recipe)
    shown = capsys.readouterr().out
    assert shown.startswith("Fits: ")
    for words in (
        "Bottleneck: ",
        "Memory of the phase",
        "Time by stage",
        "H100 SXM",
        "Assumptions",
        "weights",
        "train",
    ):
        assert words in shown
    assert max(map(len, shown.splitlines())) <= 100


def test_no_colour_is_obeyed(recipe, tmp_path):
    code = f"from danlu.cli.plan import plan; plan(words=[{str(recipe)!r}])"
    environment = os.environ | {"NO_COLOR": "1", "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", done.stdout)  # no colour; bold is not one


def test_overrides_change_the_plan(recipe, capsys):
    totals = []
    for overrides in ([], ["training.epochs=3"], ["hardware=RTX 4090"]):
        plan(recipe, overrides, as_json=True)
        totals.append(json.loads(capsys.readouterr().out))
    assert totals[1]["tokens"]["total"] == pytest.approx(3 * totals[0]["tokens"]["total"], abs=3)
    assert totals[2]["hardware"]["name"] == "RTX 4090"


def test_past_runs_in_this_folder_correct_the_plan(recipe, tmp_path, monkeypatch, capsys):
    from danlu.run import planning

    monkeypatch.chdir(tmp_path)
    plan(recipe, as_json=True)
    first = json.loads(capsys.readouterr().out)
    stages = [{"name": s["name"], "wall_s": 3 * s["model_s"]} for s in first["stages"]]
    row = {"hardware": first["hardware"]["name"], "plan": first, "actual": {"stages": stages}}
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / planning.ledger.NAME).touch()
    monkeypatch.setattr(
        planning.ledger.Ledger, "existing", lambda path: type("L", (), {"history": lambda s, h: [row]})()
    )
    plan(recipe, as_json=True)
    train = [described["stages"][3]["time_s"] for described in (first, json.loads(capsys.readouterr().out))]
    assert train[1] == pytest.approx(3 * train[0], rel=1e-3)


@pytest.mark.parametrize(
    ("overrides", "error", "words"),
    [
        (["hardware=RTX 4900"], RecipeError, "nearest name is 'RTX 4090'"),
        (["base.model=nowhere/at/all"], LocatorError, "nowhere/at/all"),
        (["data.sources.0.path=gone.jsonl"], DataError, "gone.jsonl"),
        (["trainin.epochs=2"], RecipeError, "training"),
    ],
)
def test_wrong_input_is_one_sentence(recipe, overrides, error, words):
    with pytest.raises(ValueError, match=words) as raised:
        plan(recipe, overrides)
    assert isinstance(raised.value, error) or raised.value.exit_code in {2, 3}


def test_figures_read_like_figures():
    assert [duration(s) for s in (4.2, 45, 89, 300, 7200, 400_000)] == [
        "4.2 s", "45 s", "89 s", "5.0 min", "2.0 h", "4.6 days",
    ]  # fmt: skip
    assert gigabytes(2.06e9) == "2.06 GB"
    assert gigabytes(25.27e9) == "25 GB"
    assert [money(usd) for usd in (0.0009, 0.038, 12.345, 4321, 1.9e6)] == [
        "under 0.01 USD", "0.038 USD", "12.35 USD", "4,321.00 USD", "1.9 M USD",
    ]  # fmt: skip
