"""A model from scratch, from a text file to its report; and what the same command does when little has changed."""

import json
import random

import pytest
from command import danlu

pytestmark = pytest.mark.slow

RECIPE = """\
name: fresh
base: {depth: 1, vocab_size: 384}
data:
  form: text
  max_length: 128
  overlong: split
  sources: [{name: mine, path: mine.txt, licence: own}]
training: {max_tokens: 16384, batch_tokens: 512}
evaluation:
  scenario: {kind: text, share: 0.2, documents: 20}
threads: 1
"""
WORDS = (
    "amber basin cedar delta ember fable grain hazel ivory jewel kettle lemon maple nectar olive pearl quilt raven "
    "saddle tulip umber velvet willow yarrow zephyr anchor bridge candle dagger engine feather garlic hammer island"
).split()


def story(rng):
    """Sentences about three things out of 34, so that documents differ and yet have a language in common."""
    things = rng.sample(WORDS, 3)
    return "\n".join(f"The {rng.choice(things)} is near the {rng.choice(things)} of Ann." for _ in range(6))


def run(folder, *overrides):
    done = danlu(folder, "run", "fresh.yaml", *overrides, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("scratch")
    rng = random.Random(0)
    stories = [story(rng) + "\n" + " ".join(rng.sample(WORDS, 30)) + "." for _ in range(120)]
    (path / "mine.txt").write_text("\n\n".join(stories))
    (path / "fresh.yaml").write_text(RECIPE)
    return path


@pytest.fixture(scope="module")
def first(folder):
    return run(folder)


def test_a_text_becomes_a_model_that_is_judged_on_documents_it_never_saw(first, folder):
    assert {stage["status"] for stage in first["stages"]} == {"built"}
    assert first["train"]["loss"] < first["train"]["loss_first"]
    assert first["verdict"] in {"better", "not_better", "undecided"}
    assert first["base"]["licence"] == "own"
    for row in first["scenario"]:
        assert row["ci95"][0] <= row["diff"] <= row["ci95"][1]
    held = (folder / "runs/fresh/items/scenario.jsonl").read_text().splitlines()
    steps = {step["name"]: step for step in json.loads((folder / "runs/fresh/data/card.json").read_text())["steps"]}
    assert steps["hold out"]["removed"] == {"held out for evaluation": len(held)}
    stored = (folder / "runs/fresh/recipe.yaml").read_text()
    assert "lr: 0.0" in stored and "width: 64" in stored


def test_the_same_command_reuses_everything_and_another_rate_only_what_stands(first, folder):
    again = run(folder)
    assert {stage["status"] for stage in again["stages"]} == {"reused"}
    assert again["weights_sha256"] == first["weights_sha256"]
    other = run(folder, "training.optimizer.lr=1e-3")
    status = {stage["name"]: stage["status"] for stage in other["stages"]}
    assert [status[name] for name in ("base", "items", "data", "train")] == ["reused", "reused", "reused", "built"]


def test_the_model_goes_on_with_a_text_scores_one_and_says_that_it_does_not_chat(first, folder):
    (folder / "p.jsonl").write_text('{"prompt": "The amber is near"}\n')
    done = danlu(folder, "generate", "runs/fresh", "p.jsonl", "--max-new-tokens", "8", "--json")
    assert len(json.loads(done.stdout)["items"][0]["ids"]) <= 8, done.stderr
    (folder / "q.jsonl").write_text('{"context": "The amber is", "continuations": [" near", " xqzv"]}\n')
    logprobs = json.loads(danlu(folder, "score", "runs/fresh", "q.jsonl", "--json").stdout)["items"][0]["logprobs"]
    assert logprobs[0] > logprobs[1]
    done = danlu(folder, "chat", "runs/fresh")
    assert done.returncode == 2
    assert "has no chat template" in done.stderr and "Traceback" not in done.stderr


def test_a_plan_needs_no_weights(folder):
    done = danlu(folder, "plan", "fresh.yaml", "--json")
    plan = json.loads(done.stdout)
    assert plan["model"]["num_parameters"] == plan["model"]["num_trained_parameters"] > 0, done.stderr
    assert 0 < plan["tokens"]["total"] <= 16384


def test_a_file_takes_the_place_of_passages_by_an_override(folder):
    (folder / "wiki.yaml").write_text(RECIPE.replace("path: mine.txt, licence: own", "passages: boolq"))
    path = folder / "mine.txt"
    done = danlu(folder, "plan", "wiki.yaml", f"data.sources.0.path={path}", "data.sources.0.licence=own", "--json")
    assert done.returncode == 0, done.stderr
