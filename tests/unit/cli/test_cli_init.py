"""`danlu init` takes a file to a recipe and a plan without a question, or says in one sentence what it lacks."""

import json
import os
import random
import subprocess
import sys

import pytest

RUN = "from danlu.cli import main; main()"
WORDS = "one two three four five six seven eight nine ten red blue green north south east west cat dog sun moon".split()


def rows(count):
    generator = random.Random(0)
    return [
        {"prompt": " ".join(generator.choices(WORDS, k=10)), "completion": f"answer {number}", "id": number}
        for number in range(1, count + 1)
    ]


@pytest.fixture
def init(tiny_base, tmp_path):
    def run(*options, content=None, name="faq.jsonl"):
        lines = rows(40) if content is None else content
        path = tmp_path / name
        path.write_text(lines if isinstance(lines, str) else "".join(json.dumps(line) + "\n" for line in lines))
        command = [sys.executable, "-c", RUN, "init", name, "--base", str(tiny_base), *options]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            cwd=tmp_path,
            env=os.environ | {"NO_COLOR": "1", "COLUMNS": "110"},
        )

    return run


def test_a_file_becomes_a_recipe_a_look_at_its_rows_and_a_plan(init, tmp_path):
    done = init("--licence", "own")
    assert done.returncode == 0, done.stderr
    assert "faq.jsonl: prompt-completion, 40 rows" in done.stdout
    assert "not read: id" in done.stdout
    assert "held out: 8 rows" in done.stdout
    assert done.stdout.count("<|im_start|>assistant\nanswer") == 3
    assert "Fits: " in done.stdout
    assert "danlu run faq.yaml" in done.stdout
    assert (tmp_path / "faq.yaml").is_file()


def test_json_is_one_object_and_the_rest_goes_to_standard_error(init):
    done = init("--licence", "own", "--json", "--out", "runs-of-mine", "--name", "first")
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert printed["schema"] == "danlu/init-1"
    assert printed["recipe"] == "runs-of-mine/first.yaml"
    assert printed["held_out"] == 8
    assert 0 < printed["supervised_tokens"] < printed["tokens"]
    assert printed["plan"]["schema"] == "danlu/plan-1"


OWN = ["--licence", "own"]


@pytest.mark.parametrize(
    ("given", "code", "says"),
    [
        (([], None), 3, "refused (number 16): whose data is this? Add --licence own"),
        (([*OWN, "--name", "My FAQ"], None), 2, "--name My FAQ: a name has"),
        ((OWN, rows(5)), 2, "5 rows, of which 5 differ: too few"),
        ((OWN, "{oops\n"), 2, "faq.jsonl:1: not valid JSON"),
        ((OWN, [{"foo": 1}]), 2, "faq.jsonl:1: no known format; the row has the keys foo."),
        ((OWN, ""), 2, "faq.jsonl: the file is empty."),
    ],
)
def test_what_is_lacking_is_one_sentence(init, tmp_path, given, code, says):
    options, content = given
    done = init(*options, content=content)
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["faq.jsonl"]


def test_a_second_init_overwrites_only_when_told(init):
    assert init("--licence", "own").returncode == 0
    again = init("--licence", "own")
    assert again.returncode == 2
    assert "faq.yaml exists" in again.stderr
    assert init("--licence", "own", "--force").returncode == 0
