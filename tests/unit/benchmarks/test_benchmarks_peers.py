"""Peers of benchmarks/silent_failures.py, as far as that needs no environment: what is asked, kept and said."""

import importlib
import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
FAKE = """#!{python}
import json, sys
from pathlib import Path
record = {record}
if sys.argv[1] == "-c":
    print(json.dumps({{"trl": "{version}"}}))
    sys.exit()
for job in json.loads(Path(sys.argv[2]).read_text()):
    out = Path(job["out"])
    out.mkdir(parents=True, exist_ok=True)
    with Path({calls!r}).open("a") as calls:
        calls.write(" ".join(job["want"]) + "\\n")
    (out / "log.txt").write_text("what the user saw")
    (out / "run.json").write_text(json.dumps(record))
sys.exit({code})
"""


@pytest.fixture
def peers(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("silent.peers")


@pytest.fixture
def watch(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("silent.peers.watch")


@pytest.fixture
def fixture(tmp_path):
    folder = tmp_path / "fixture"
    (folder / "base").mkdir(parents=True)
    (folder / "base" / "config.json").write_text("{}")
    (folder / "train.jsonl").write_text("{}\n")
    (folder / "settings.json").write_text(json.dumps({"schedule": "constant", "warmup": 0.0, "extra": {}}))
    return folder


@pytest.fixture
def interpreter(monkeypatch, tmp_path, watch):
    """A peer's interpreter whose driver writes the given record; gives the list of what was asked of it."""
    calls = tmp_path / "calls.txt"

    def make(version="1", code=0, **record):
        python = tmp_path / "python"
        kept = vars(watch.Record()) | record
        python.write_text(FAKE.format(python=sys.executable, record=kept, version=version, calls=str(calls), code=code))
        python.chmod(0o755)
        monkeypatch.setenv("DANLU_PEER_TRL", str(python))
        return lambda: calls.read_text().splitlines() if calls.exists() else []

    return make


def test_a_peer_that_is_not_here_says_so_for_each_fixture(peers, fixture, monkeypatch, tmp_path):
    monkeypatch.setenv("DANLU_PEER_TRL", str(tmp_path / "nowhere"))
    runs = peers.run_many("trl", [(fixture, {"batches"})] * 2, cache=tmp_path / "cache")
    assert [run.available for run in runs] == [False, False]
    assert runs[0].reason == f"not run here: DANLU_PEER_TRL={tmp_path / 'nowhere'}: no such file"


def test_what_was_run_is_not_run_again(peers, fixture, interpreter, tmp_path):
    calls = interpreter(refused="ValueError: no")
    for _ in range(2):
        (run,) = peers.run_many("trl", [(fixture, {"batches"})], cache=tmp_path / "cache")
        assert (run.available, run.refused, run.log) == (True, "ValueError: no", "what the user saw")
    assert calls() == ["batches"]


def test_a_run_that_was_asked_for_more_answers_for_less(peers, fixture, interpreter, tmp_path):
    calls = interpreter(losses=[1.0])
    for want in ({"losses", "batches"}, {"losses"}, {"losses", "model"}):
        peers.run_many("trl", [(fixture, want)], cache=tmp_path / "cache")
    assert calls() == ["batches losses", "losses model"]


@pytest.mark.parametrize("file", ["train.jsonl", "settings.json", "base/config.json"])
def test_another_fixture_is_run_anew(peers, fixture, interpreter, tmp_path, file):
    calls = interpreter()
    peers.run_many("trl", [(fixture, {"batches"})], cache=tmp_path / "cache")
    (fixture / file).write_text((fixture / file).read_text() + "\n")
    peers.run_many("trl", [(fixture, {"batches"})], cache=tmp_path / "cache")
    assert len(calls()) == 2


def test_another_version_of_the_peer_is_run_anew(peers, fixture, interpreter, tmp_path):
    interpreter(version="1")
    peers.run_many("trl", [(fixture, {"batches"})], cache=tmp_path / "cache")
    calls = interpreter(version="2")
    peers.run_many("trl", [(fixture, {"batches"})], cache=tmp_path / "cache")
    assert len(calls()) == 2


def test_a_run_that_was_cut_short_is_no_refusal_and_is_asked_again(peers, fixture, interpreter, tmp_path):
    calls = interpreter(unfinished="no end within 300 s")
    for _ in range(2):
        (run,) = peers.run_many("trl", [(fixture, {"batches"})], cache=tmp_path / "cache")
        assert (run.available, run.refused, run.reason) == (False, None, "not run here: no end within 300 s")
    assert len(calls()) == 2


def test_a_driver_that_breaks_is_told(peers, fixture, interpreter, tmp_path):
    interpreter(code=3)
    (run,) = peers.run_many("trl", [(fixture, {"losses"})], cache=tmp_path / "cache")
    assert run.available  # what it had told before it broke is kept

    interpreter(code=3, unfinished="its process ended (9)")
    (run,) = peers.run_many("trl", [(fixture, {"model"})], cache=tmp_path / "cache")
    assert (run.available, run.reason) == (False, "not run here: its driver ended with 3: ")


@pytest.mark.parametrize("want", [set(), {"batch"}])
def test_a_want_that_is_unknown_is_an_error(peers, fixture, interpreter, tmp_path, want):
    interpreter()
    with pytest.raises(ValueError, match="known are batches, leak, losses, model"):
        peers.run_many("trl", [(fixture, want)], cache=tmp_path / "cache")


def test_extra_is_for_every_peer_or_for_one(watch, fixture, tmp_path):
    extra = {"lerning_rate": 1, "trl": {"packing_strategy": "wrapped"}, "axolotl": {"lora_r": 4}}
    (fixture / "settings.json").write_text(json.dumps({"extra": extra}))
    job = watch.Job(fixture, tmp_path / "out", ["batches"])
    assert job.extra("trl") == {"lerning_rate": 1, "packing_strategy": "wrapped"}
    assert job.extra("llamafactory") == {"lerning_rate": 1}


@pytest.mark.parametrize(
    ("schedule", "warmup", "name"),
    [("constant", 0.0, "constant"), ("constant", 0.1, "constant_with_warmup"), ("cosine", 0.1, "cosine")],
)
def test_a_constant_rate_that_warms_up_has_a_name_of_its_own(watch, schedule, warmup, name):
    assert watch.schedule_of({"schedule": schedule, "warmup": warmup}) == name


def test_a_batch_keeps_rows_and_leaves_out_what_is_no_row(watch):
    import torch

    found = watch.batch_of({"input_ids": torch.tensor([[1, 2]]), "attention_mask": torch.zeros(1, 1, 2, 2)})
    assert found == {"input_ids": [[1, 2]], "labels": None, "position_ids": None, "attention_mask": None}


def test_a_refusal_is_the_line_that_the_user_sees_last(watch):
    assert watch.last_line(ValueError("lora_rank:\n  must be positive")) == "ValueError: lora_rank: must be positive"
