"""`danlu generate`, `score` and `chat`: what others build on, what a person reads, and the row that is at fault."""

import json
import os
import subprocess
import sys

import pytest

from danlu.generation import Engine, Sampling
from danlu.tokens import Renderer

RUN = "from danlu.cli import main; main()"
HELLO = [{"role": "user", "content": "Hello there"}]


@pytest.fixture
def danlu(tiny_base, tmp_path):
    def run(command, rows, *options, typed=None):
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows))
        files = [] if command == "chat" else [str(path)]
        return subprocess.run(
            [sys.executable, "-c", RUN, command, str(tiny_base), *files, *options],
            capture_output=True,
            text=True,
            check=False,
            input=typed,
            env=os.environ | {"NO_COLOR": "1", "COLUMNS": "100", "OMP_NUM_THREADS": "1"},
        )

    return run


def test_prompts_and_messages_are_completed_as_the_engine_does(danlu, tiny_base):
    rows = [{"prompt": "one two"}, {"messages": HELLO}]
    done = danlu("generate", rows, "--seed", "3", "--temperature", "9", "--max-new-tokens", "7", "--json")
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    engine = Engine.from_folder(tiny_base)
    prompts = [engine.tokenizer.encode("one two"), Renderer.from_folder(tiny_base).prompt(HELLO)]
    wanted = engine.generate(prompts, Sampling(max_new_tokens=7, temperature=9, seed=3))
    assert printed["schema"] == "danlu/generate-1"
    assert [tuple(item["ids"]) for item in printed["items"]] == [c.ids for c in wanted]
    assert [set(item) for item in printed["items"]] == [{"ids", "text", "logprobs", "finish_reason"}] * 2


def test_scores_are_sums_for_each_continuation(danlu):
    done = danlu("score", [{"context": "one", "continuations": [" a", " bcd"]}], "--json")
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert printed["schema"] == "danlu/score-1"
    assert printed["items"][0]["num_tokens"] == [2, 4]
    assert all(logprob < 0 for logprob in printed["items"][0]["logprobs"])


def test_a_person_reads_completions_and_scores(danlu):
    assert "row 1: 5 tokens" in danlu("generate", [{"prompt": "one"}], "--max-new-tokens", "5").stdout
    said = danlu("score", [{"context": "one", "continuations": [" a", " b"]}]).stdout
    assert "log-likelihood" in said and "' b'" in said


def test_a_conversation_ends_politely_with_its_input(danlu):
    done = danlu("chat", [], "--system", "Be kind.", "--max-new-tokens", "4", typed="Hello\n\nHello\n")
    assert done.returncode == 0, done.stderr
    assert "system: Be kind." in done.stdout and "(anew)" in done.stdout


@pytest.mark.parametrize(
    ("command", "rows", "says"),
    [
        ("generate", ["{oops\n"], "rows.jsonl:1: not valid JSON"),
        ("generate", [{"prompt": "a"}, {"prompt": 5}], 'rows.jsonl:2: the row needs a text "prompt"'),
        ("generate", [{"prompt": "<|im_end|>"}], "rows.jsonl:1: the text spells the control token"),
        ("generate", [{"prompt": "a" * 300}], "item 1: 300 tokens of prompt"),
        ("generate", [], "no rows"),
        ("score", [{"context": "a", "continuations": []}], 'rows.jsonl:1: the row needs a list "continuations"'),
        ("score", [{"continuations": ["a"]}], 'rows.jsonl:1: the row needs a text "context"'),
        ("score", [{"context": "a", "continuations": ["<|im_end|>"]}], "rows.jsonl:1: the row spells the control"),
        ("score", [], "no rows"),
    ],
)
def test_a_row_at_fault_is_one_sentence_that_names_it(danlu, command, rows, says):
    done = danlu(command, rows)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
