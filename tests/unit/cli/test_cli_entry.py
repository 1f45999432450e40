"""Exit codes and what a mistake looks like: a sentence, and with --json an object."""

import json
import signal
import subprocess
import sys

import pytest

RUN = "from danlu.cli import main; main()"


def danlu(*arguments, cwd=None):
    return subprocess.run([sys.executable, "-c", RUN, *arguments], cwd=cwd, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["frobnicate"], 2, "error: No such command"),
        (["run"], 2, "error: Missing argument"),
        (["run", "gone.yaml"], 2, "error: gone.yaml: no such recipe"),
        (["run", "gone.yaml", "--accept", "14"], 2, "1 times --accept but 0 times --because"),
        (["run", "gone.yaml", "--accept", "7", "--because", "x"], 2, "refusal 7 cannot be accepted"),
        (["generate", "nowhere", "items.jsonl"], 2, "error: nowhere: no such base"),
    ],
)
def test_a_mistake_is_one_sentence_and_no_traceback(arguments, code, sentence, tmp_path):
    done = danlu(*arguments, cwd=tmp_path)
    assert done.returncode == code
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_with_json_a_refusal_is_an_object_with_its_number(tmp_path):
    (tmp_path / "typo.yaml").write_text("name: typo\nbase: {model: x}\ndatta: 1\n")
    done = danlu("run", "typo.yaml", "--json", cwd=tmp_path)
    assert done.returncode == 3
    assert json.loads(done.stdout)["error"]["refusal"] == 12


WAITING = """
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background would have it ignored
from danlu import hub
hub.resolve = lambda *a, **k: print("here", flush=True) or time.sleep(60)
"""


def test_ctrl_c_says_that_the_same_command_continues(tmp_path):
    command = [sys.executable, "-c", WAITING + RUN, "render", "nowhere", "rows.jsonl"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "here\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "the same command continues" in said
    assert "Traceback" not in said
