"""kill -9 at any moment of a run, and the same command ends in the same weights and report, bit for bit."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

from danlu.artefact import hash_file, write_jsonl

KILLS = 24
MEASURED = re.compile(r"<!-- measured -->.*?<!-- /measured -->", re.DOTALL)
STAGES = ["base", "items", "plan", "data", "train", "evaluate", "report"]
RECIPE = """
name: killed
base: {model: base}
data:
  max_length: 128
  sources: [{name: mine, path: rows.jsonl, licence: own, held_out: held.jsonl}]
training:
  optimizer: {lr: 1e-2}
  adapter: {kind: lora, rank: 4, alpha: 8}
  batch_tokens: 512
  epochs: 2
  checkpoint_every_steps: 3
evaluation:
  scenario: {kind: held-out, path: held.jsonl, samples: 3, max_new_tokens: 12}
  guard: {tasks: [general-text]}
  batch: 4
threads: 1
"""


# Kills itself in the stage named: at the n-th file that it opens, makes, moves or links, or else at its end.
KILLED_IN = """
import os, signal, sys
from danlu.run.events import Events

stage, left = sys.argv[1], int(sys.argv[2])
armed, write = False, Events.__call__

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def touched(name, arguments):
    global left
    if armed and name in {"open", "os.mkdir", "os.rename", "os.symlink", "os.remove"}:
        left -= 1
        if left < 0:
            die()

def written(self, event, fields):
    global armed
    if armed and event == "stage":
        die()
    write(self, event, fields)
    armed = armed or (event == "stage" and fields["stage"] == stage and fields["status"] == "started")

Events.__call__ = written
sys.addaudithook(touched)
sys.argv[1:] = ["run", "recipe.yaml", "--json"]
from danlu.cli import main
main()
"""
RUN = """
import sys
sys.argv[1:] = ["run", "recipe.yaml", "--json"]
from danlu.cli import main
main()
"""


def rows(count, seed):
    draw = random.Random(seed)
    for _ in range(count):
        a, b = draw.randint(10, 99), draw.randint(10, 99)
        words = draw.sample("red green blue old new small large round flat warm cold quick slow".split(), 4)
        yield {
            "messages": [
                {"role": "user", "content": f"Add {a} and {b}, {' '.join(words)}?"},
                {"role": "assistant", "content": f"That is {a + b}, {words[0]}."},
            ]
        }


def start(folder, program=RUN, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def finish(folder):
    out, err = start(folder).communicate(timeout=240)
    assert out, err.decode()
    return json.loads(out)


def events(folder):
    path = folder / "runs" / "killed" / "events.jsonl"
    return path.read_bytes().count(b"\n") if path.is_file() else 0


def evidence(folder):
    """Weights, and everything of the report but what was measured."""
    run = folder / "runs" / "killed"
    kept = {name: MEASURED.sub("", (run / "report" / name).read_text()) for name in ("report.md", "report.html")}
    kept["evaluation"] = (run / "evaluate" / "evaluation.json").read_text()
    kept["weights"] = hash_file(run / "train" / "model" / "model.safetensors")
    kept["adapter"] = hash_file(run / "train" / "adapter" / "adapter_model.safetensors")
    kept["trajectory"] = (run / "train" / "trajectory.jsonl").read_text()
    kept["decisions"] = hash_file(run / "data" / "decisions.parquet")
    return kept


@pytest.fixture
def workplace(tiny_base, tmp_path):
    def make(name):
        folder = tmp_path / name
        folder.mkdir()
        shutil.copytree(tiny_base, folder / "base")
        config = json.loads((folder / "base" / "config.json").read_text())
        (folder / "base" / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 1024}))
        write_jsonl(folder / "rows.jsonl", rows(60, 0))
        write_jsonl(folder / "held.jsonl", rows(9, 1))
        (folder / "recipe.yaml").write_text(RECIPE)
        return folder

    return make


def kill_when(folder, reached, draw):
    """Start the run and kill it up to 50 ms after `reached()`; False if it ended first, and ended well."""
    process = start(folder)
    while process.poll() is None and not reached():
        time.sleep(0.002)
    time.sleep(draw.random() * 0.05)
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        return True
    _, err = process.communicate()
    assert process.returncode == 0, err.decode()
    return False


def kill_in(folder, stage, touched):
    """Run until the stage has touched so many files, and die there."""
    process = start(folder, KILLED_IN, stage, str(touched))
    _, err = process.communicate(timeout=240)
    assert process.returncode == -signal.SIGKILL, err.decode()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_kill_in_each_stage_and_at_random_moments_changes_nothing(workplace):
    quiet = workplace("quiet")
    finish(quiet)
    wanted, total, draw = evidence(quiet), events(quiet), random.Random(7)
    folder, kills = workplace("each"), len(STAGES)
    for stage in STAGES:
        kill_in(folder, stage, draw.randint(0, 8))
    finish(folder)
    assert evidence(folder) == wanted, "after a kill in each stage"
    folder = workplace("random")
    while kills < KILLS:
        target = events(folder) + draw.randint(1, total // 3)
        if kill_when(folder, lambda folder=folder, target=target: events(folder) >= target, draw):
            kills += 1
            continue
        assert evidence(folder) == wanted, f"after {kills} kills"
        shutil.rmtree(folder)
        folder = workplace(f"random-{kills}")
    finish(folder)
    assert evidence(folder) == wanted, f"after {kills} kills"
