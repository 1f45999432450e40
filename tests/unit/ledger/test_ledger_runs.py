"""The ledger: every run on record, whatever is killed, lost or damaged."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from danlu.artefact import write_json
from danlu.errors import DataError, LocatorError, StorageError
from danlu.ledger import NAME, Ledger, database

MACHINE = {"name": "Example CPU, 2 cores, avx512"}
RECIPE = "# settled\nname: tutor\ngoal: ask, do not tell\ndata: {sources: [{name: mine}]}\n"


def folder(root, name, recipe=RECIPE):
    path = root / "runs" / name
    path.mkdir(parents=True)
    (path / "recipe.yaml").write_text(recipe)
    return path


def stage(name, key, wall_s, status="built"):
    return {"name": name, "key": key, "status": status, "wall_s": wall_s, "cpu_s": wall_s, "peak_rss_bytes": 10**9}


def result(name, *stages, hardware="here", **fields):
    return {
        "schema": "danlu/run-1",
        "name": name,
        "goal": "ask, do not tell",
        "stages": list(stages) or [stage("train", f"key of {name}", 100.0)],
        "plan": {"schema": "danlu/plan-1", "hardware": {"name": hardware}, "time_s": 90.0, "stages": []},
        "train": {"tokens": 5, "tokens_per_s": 2.5},
        "scenario": [],
        "guard": [],
        "verdict": "better",
        "ship": True,
        "why": "Ship: better.",
        "weights_sha256": "7" * 64,
        "accepted": {"14": "public"},
        "machine": MACHINE,
        "base": {"source": "pypi:some-base==1", "licence": "Apache-2.0", "sha256": "5" * 64},
    } | fields


def begin(run, **accepted):
    ledger = Ledger.beside(run)
    return ledger, ledger.begin(run, machine=MACHINE, code="abc", accepted=accepted or {14: "public"})


def finished(root, name, *stages, **fields):
    run = folder(root, name)
    ledger, run_id = begin(run)
    write_json(run / "run.json", result(name, *stages, **fields))
    ledger.finish(run_id, result(name, *stages, **fields))
    return ledger


def test_a_run_is_on_record_from_its_start_to_its_result(tmp_path):
    run = folder(tmp_path, "tutor-2")
    ledger, run_id = begin(run)
    started = ledger.run("tutor-2")
    assert (started.status, started.goal, started.recipe, started.attempts) == (
        "running",
        "ask, do not tell",
        RECIPE,
        1,
    )
    assert (started.machine, started.code, started.accepted) == (MACHINE, "abc", {"14": "public"})
    ledger.finish(run_id, result("tutor-2"))
    done = ledger.run("tutor-2")
    assert (done.status, done.verdict, done.ship, done.why) == ("finished", "better", True, "Ship: better.")
    assert (done.planned_s, done.actual_s, done.actual["peak_rss_bytes"]) == (90.0, 100.0, 10**9)
    assert done.parents == {
        "base": {"source": "pypi:some-base==1", "sha256": "5" * 64, "licence": "Apache-2.0"},
        "runs": [],
    }
    assert done.started == started.started <= done.finished
    assert done.shown() == result("tutor-2")


def test_a_run_that_fails_keeps_its_sentence_and_what_was_planned(tmp_path):
    run = folder(tmp_path, "tutor")
    ledger, run_id = begin(run)
    write_json(run / "plan" / "plan.json", {"time_s": 5.0})
    ledger.fail(run_id, "The disk is full.")
    failed = ledger.run("tutor")
    assert (failed.status, failed.error, failed.planned_s) == ("failed", "The disk is full.", 5.0)
    assert failed.shown()["error"] == "The disk is full."
    begin(run)
    again = ledger.run("tutor")
    assert (again.status, again.error, again.finished, again.attempts) == ("running", None, None, 2)
    ledger.fail(run_id, "Ctrl-C.", interrupted=True)
    assert ledger.run("tutor").status == "interrupted"


def test_a_run_whose_process_is_gone_is_interrupted(tmp_path):
    run = folder(tmp_path, "tutor")
    program = (
        "import sys, pathlib; from danlu.ledger import Ledger; run = pathlib.Path(sys.argv[1]);"
        "Ledger.beside(run).begin(run, machine={}, code='', accepted={})"
    )
    subprocess.run([sys.executable, "-c", program, str(run)], check=True)
    assert Ledger.beside(run).run("tutor").status == "interrupted"


def test_a_tuned_base_names_the_run_that_it_came_from(tmp_path):
    finished(tmp_path, "tutor")
    source = str(tmp_path / "runs" / "tutor" / "train" / "model")
    ledger = finished(tmp_path, "tutor-more", base={"source": source, "sha256": "1", "licence": "own"})
    assert ledger.run("tutor-more").parents["runs"] == ["tutor"]
    assert ledger.run("tutor").parents["runs"] == []


def test_a_run_that_is_not_there_is_answered_with_the_nearest_name(tmp_path):
    ledger = finished(tmp_path, "tutor-demo")
    with pytest.raises(LocatorError, match=r"no run is called tutor-dmo. Did you mean tutor-demo\?"):
        ledger.run("tutor-dmo")
    with pytest.raises(LocatorError, match="danlu runs"):
        ledger.run("zzz")


def test_runs_are_listed_newest_first(tmp_path):
    for name in ("first", "second", "third"):
        ledger = finished(tmp_path, name)
        with database.writing(ledger.path) as connection:
            connection.execute("UPDATE runs SET started = ? WHERE name = ?", (f"2026-11-2{len(name)}", name))
    assert [run.name for run in ledger.runs()] == ["second", "first", "third"]


def test_history_tells_each_measurement_on_this_hardware_once_oldest_first(tmp_path):
    shared = stage("data", "same", 7.0)
    finished(tmp_path, "a", shared, stage("train", "one", 100.0))
    finished(tmp_path, "b", {**shared, "status": "reused"}, stage("train", "two", 110.0))
    finished(tmp_path, "c", stage("train", "three", 1.0), hardware="elsewhere")
    begin(folder(tmp_path, "d"))
    finished(tmp_path, "e", shared)
    ledger = Ledger.existing(tmp_path / "runs" / NAME)
    found = sorted(s["wall_s"] for row in ledger.history("here") for s in row["actual"]["stages"])
    assert found == [7.0, 100.0, 110.0]
    assert all(row["hardware"] == "here" and row["plan"]["time_s"] == 90.0 for row in ledger.history("here"))
    assert [row["actual"]["time_s"] for row in ledger.history("elsewhere")] == [1.0]


def test_the_users_words_are_kept_beside_the_run_and_outlive_the_ledger(tmp_path):
    ledger = finished(tmp_path, "tutor")
    ledger.set_outcome("tutor", outcome="it asks")
    kept = ledger.set_outcome("tutor", cause="the data was short")
    assert (kept.outcome, kept.cause) == ("it asks", "the data was short")
    ledger.path.unlink()
    again, names, _ = Ledger.rebuild(tmp_path / "runs")
    assert names == ["tutor"]
    assert (again.run("tutor").outcome, again.run("tutor").cause) == ("it asks", "the data was short")


def test_a_run_is_registered_again_from_its_folder_alone(tmp_path):
    ledger = finished(tmp_path, "tutor")
    before = ledger.run("tutor")
    lines = [{"time": "2026-11-20T10:00:00+00:00", "event": "run"}, {"time": "2026-11-20T10:09:00+00:00", "event": "x"}]
    text = "".join(json.dumps(line) + "\n" for line in lines) + '{"time": "2026-11'
    (tmp_path / "runs" / "tutor" / "events.jsonl").write_text(text)
    ledger.path.unlink()
    again = Ledger.open(ledger.path)
    assert again.absorb(tmp_path / "runs" / "tutor") == "tutor"
    after = again.run("tutor")
    assert (after.started, after.finished) == (lines[0]["time"], lines[1]["time"])
    for name in ("status", "goal", "recipe", "recipe_sha256", "plan", "actual", "parents", "verdict", "ship", "result"):
        assert getattr(after, name) == getattr(before, name), name
    with pytest.raises(DataError, match=r"no run's folder: it has no recipe\.yaml"):
        again.absorb(tmp_path)


def test_a_recipe_that_no_longer_reads_is_still_a_run(tmp_path):
    run = folder(tmp_path, "old", recipe="name: [unclosed\n")
    ledger = Ledger.beside(run)
    ledger.absorb(run)
    assert ledger.run("old").recipe == "name: [unclosed\n"
    assert ledger.run("old").status == "interrupted"


def test_a_ledger_that_is_lost_during_a_run_still_gets_its_result(tmp_path):
    run = folder(tmp_path, "tutor")
    ledger, run_id = begin(run)
    ledger.path.unlink()
    Ledger.open(ledger.path).finish(run_id, result("tutor"))
    assert ledger.run("tutor").verdict == "better"


def test_a_missing_ledger_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match=r"there is no ledger here.*danlu run RECIPE"):
        Ledger.existing(tmp_path / NAME)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_ledger_is_one_sentence_and_can_be_made_again(tmp_path):
    ledger = finished(tmp_path, "tutor")
    ledger.path.write_bytes(b"nothing that SQLite wrote" * 400)
    with pytest.raises(DataError, match=r"ledger is damaged.*--rebuild"):
        Ledger.existing(ledger.path)
    (folder(tmp_path, "torn") / "run.json").write_text("{")
    again, names, complaints = Ledger.rebuild(tmp_path / "runs")
    assert names == ["tutor"]
    assert len(complaints) == 1
    assert "run.json:1: not valid JSON" in complaints[0]
    assert again.run("tutor").verdict == "better"
    assert (tmp_path / "runs" / f"{NAME}.damaged").is_file()


def test_there_is_nothing_to_rebuild_where_there_is_no_folder(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        Ledger.rebuild(tmp_path / "nowhere")


def test_another_programs_database_is_not_touched(tmp_path):
    path = tmp_path / NAME
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE notes (text)")
    other.commit()
    other.close()
    before = path.read_bytes()
    with pytest.raises(DataError, match="another program's database"):
        Ledger.open(path)
    assert path.read_bytes() == before


def test_a_newer_schema_is_refused_and_an_older_one_brought_up(tmp_path, monkeypatch):
    ledger = finished(tmp_path, "tutor")
    monkeypatch.setattr(database, "MIGRATIONS", (*database.MIGRATIONS, "ALTER TABLE runs ADD COLUMN mood TEXT"))
    Ledger.open(ledger.path)
    with database.reading(ledger.path) as connection:
        assert connection.execute("SELECT name, mood FROM runs").fetchone()["mood"] is None
    monkeypatch.undo()
    with pytest.raises(DataError, match=r"newer danlu \(schema 2; this one knows 1\). Upgrade"):
        Ledger.open(ledger.path)


def test_a_full_disk_is_one_sentence_and_loses_nothing(tmp_path, monkeypatch):
    ledger = finished(tmp_path, "tutor")
    connect = database._connect

    def full(path):
        connection = connect(path)
        connection.execute("PRAGMA max_page_count = 1")  # SQLite takes the pages in use as the least
        return connection

    monkeypatch.setattr(database, "_connect", full)
    with pytest.raises(StorageError, match="the disk is full"):
        ledger.finish("tutor", result("tutor", why="x" * 10**6))
    monkeypatch.undo()
    assert ledger.run("tutor").why == "Ship: better."


WRITER = """
import json, pathlib, sys
from danlu.ledger import Ledger
root, first, count, result = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), json.loads(sys.argv[4])
for number in range(first, first + count):
    run = root / f"run-{number}"
    ledger = Ledger.beside(run)
    ledger.finish(ledger.begin(run, machine={}, code="", accepted={}), {**result, "why": f"why {number}"})
    print(number, flush=True)
"""


def writer(root, first, count):
    command = [sys.executable, "-c", WRITER, str(root), str(first), str(count), json.dumps(result("x"))]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_two_processes_write_at_once_and_nothing_is_lost(tmp_path):
    for number in range(40):
        folder(tmp_path, f"run-{number}")
    both = [writer(tmp_path / "runs", first, 20) for first in (0, 20)]
    assert [process.communicate()[0].count("\n") for process in both] == [20, 20]
    assert [process.returncode for process in both] == [0, 0]
    runs = Ledger.existing(tmp_path / "runs" / NAME).runs()
    assert sorted(run.name for run in runs) == sorted(f"run-{n}" for n in range(40))
    assert all(run.why == f"why {run.name[4:]}" and run.attempts == 1 for run in runs)


def test_a_kill_at_any_moment_leaves_whole_rows(tmp_path):
    for number in range(400):
        folder(tmp_path, f"run-{number}")
    draw, path = random.Random(3), tmp_path / "runs" / NAME
    for first in range(0, 160, 20):
        process = writer(tmp_path / "runs", first, 200)
        for _ in range(draw.randint(1, 6)):
            process.stdout.readline()
        time.sleep(draw.random() * 0.01)
        os.kill(process.pid, signal.SIGKILL)
        told = [int(line) for line in process.stdout]
        process.stdout.close()
        process.wait()
        assert database.is_sound(path)
        runs = {run.name: run for run in Ledger.existing(path).runs()}
        assert all(runs[f"run-{number}"].status == "finished" for number in told)
        for run in runs.values():
            assert run.status in {"finished", "interrupted"}
            assert run.why is None or run.why == f"why {run.name[4:]}"
