"""Plain text from recipe to verdict: a model from scratch against its baselines, and continued pre-training."""

import json
import random

import pytest

from danlu.artefact import read_json, read_jsonl
from danlu.run.carry import Request, run
from danlu.tokens import Shards

NOUNS = "rain wind river stone bird house light road winter garden bread boat letter window child".split()
VERBS = "finds keeps leaves carries follows watches forgets opens paints mends".split()


def sentence(rng):
    return f"The {rng.choice(NOUNS)} {rng.choice(VERBS)} the {rng.choice(NOUNS)} at house {rng.randint(0, 99)}."


@pytest.fixture
def recipe(tmp_path, tiny_base):
    """Writes a recipe over 60 small documents; base: of the recipe."""
    rng = random.Random(0)
    rows = [{"text": " ".join(sentence(rng) for _ in range(8))} for _ in range(60)]
    (tmp_path / "text.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def write(**changed):
        described = {
            "name": "text",
            "base": {"model": str(tiny_base), "licence": "own"},
            "data": {
                "form": "text",
                "max_length": 128,
                "overlong": "split",
                "sources": [{"name": "mine", "path": "text.jsonl", "licence": "own"}],
            },
            "training": {"objective": "pretrain", "optimizer": {"lr": 0.01}, "batch_tokens": 512, "max_tokens": 4000},
            "evaluation": {
                "scenario": {"kind": "text", "share": 0.2, "documents": 20},
                "guard": None,
            },
            "threads": 1,
            **changed,
        }
        path = tmp_path / "text.yaml"
        path.write_text(json.dumps(described))
        return Request(path, out=tmp_path / "runs" / "text")

    return write


def silent(event, fields):
    pass


@pytest.mark.slow
def test_a_model_from_scratch_is_judged_beside_baselines_that_read_the_same_documents(recipe):
    request = recipe(
        base={"depth": 1, "vocab_size": 320},
        training={"max_tokens": 2000, "batch_tokens": 512},
        evaluation={"scenario": {"kind": "text", "share": 0.2, "documents": 20}},
    )
    result = run(request, silent)
    assert {row["against"] for row in result["scenario"]} == {"ngram", "zstd"}
    assert result["guard"] == [] and result["verdict"] == "not_better"
    assert "trained from scratch" in result["why"]
    evaluate, items = request.out / "evaluate", [i for _, i in read_jsonl(request.out / "items" / "scenario.jsonl")]
    facts = read_json(evaluate / "baselines" / "baselines.json")
    assert facts["documents"] == 60 - len(items)
    tuned = [record for _, record in read_jsonl(evaluate / "tuned" / "scenario.jsonl")]
    assert [r["bytes"] for r in tuned] == [len(i["text"].encode()) for i in items]
    assert any(r["windows"] > 1 for r in tuned)
    report = (request.out / "report" / "report.md").read_text()
    assert "| an n-gram model |" in report and "| zstd -19 |" in report
    assert "cannot ship" not in report and "no guard, so" not in report
    assert {s["status"] for s in run(request, silent)["stages"]} == {"reused"}


@pytest.mark.slow
def test_continued_pre_training_is_judged_by_the_bits_of_documents_that_it_never_saw(recipe):
    result = run(request := recipe(), silent)
    (row,) = result["scenario"]
    assert (row["metric"], row["against"]) == ("bits_per_byte", "base")
    assert row["diff"] < 0 and result["verdict"] == "better"  # a base of random weights has all to learn
    assert result["ship"] is False and "nothing ships unguarded" in result["why"]
    ids = {i["item_id"] for _, i in read_jsonl(request.out / "items" / "scenario.jsonl")}
    assert not ids & {document.row_id for document in Shards(request.out / "data").documents()}
