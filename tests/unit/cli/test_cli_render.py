"""`danlu render` shows what is trained on, and names the row that cannot be."""

import json
import os
import subprocess
import sys

import pytest

RUN = "from danlu.cli import main; main()"
TALK = [{"role": "user", "content": "6 × 4?"}, {"role": "assistant", "content": "Six how often?"}]


@pytest.fixture
def danlu(tiny_base, tmp_path):
    def run(rows, *options):
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows))
        command = [sys.executable, "-c", RUN, "render", str(tiny_base), str(path), *options]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, env=os.environ | {"NO_COLOR": "1", "COLUMNS": "100"}
        )

    return run


def test_json_has_ids_and_mask_of_each_row(danlu):
    done = danlu([{"messages": TALK}, {"messages": TALK}], "--json")
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert printed["schema"] == "danlu/render-1"
    assert len(printed["template_sha256"]) == 64
    assert len(printed["rows"]) == 2
    assert all(len(row["ids"]) == len(row["mask"]) for row in printed["rows"])
    assert sum(printed["rows"][0]["mask"]) == len("Six how often?") + 1


def test_a_person_reads_the_turns_as_they_are_rendered(danlu):
    done = danlu([{"messages": TALK}])
    assert "15 supervised" in done.stdout
    assert "<|im_start|>assistant\nSix how often?<|im_end|>" in done.stdout


@pytest.mark.parametrize(
    ("rows", "code", "says"),
    [
        (["{oops\n"], 2, "rows.jsonl:1: not valid JSON"),
        ([{"messages": TALK}, {"text": "x"}], 2, 'rows.jsonl:2: the row has no list "messages"'),
        ([{"messages": TALK[:1]}], 3, "refused (number 1): "),
        ([{"messages": [*TALK, TALK[0]]}], 2, "rows.jsonl:1: the dialogue ends with a user turn"),
        ([], 2, "no rows"),
    ],
)
def test_a_row_that_cannot_be_trained_on_is_named(danlu, rows, code, says):
    done = danlu(rows)
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr
