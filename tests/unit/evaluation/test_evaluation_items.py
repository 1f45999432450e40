"""Items: drawn by seed, clustered by what they share, checked before anything is spent."""

import math

import pytest

from danlu.artefact import hash_folder, read_json
from danlu.errors import DataError
from danlu.evaluation import choice, overlap_texts, power, read_items, write_items
from danlu.evaluation.statistics import Difference
from danlu.recipe.evaluation import Evaluation

HELD_OUT = {"kind": "held-out", "path": "held-out.jsonl"}


def evaluation(tasks=None, scenario=HELD_OUT, **guard):
    return Evaluation.model_validate({"scenario": scenario, "guard": {"tasks": tasks, **guard} if tasks else None})


def rows(count=20, **changes):
    said = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Say it."},
        {"role": "assistant", "content": "It!"},
    ]
    return [{"item_id": f"row:{n}", "cluster": f"row:{n}", "messages": said, **changes} for n in range(count)]


def write(tmp_path, what, wheel=None, scenario=None, general_texts=()):
    return write_items(
        what,
        tmp_path,
        scenario=rows() if scenario is None else scenario,
        few_shot=None,
        wheel=wheel,
        general_texts=general_texts,
    )


def test_the_prompts_are_the_harness_own(wheel, tmp_path):
    write(tmp_path, evaluation(["arc-easy", "sciq"], items=12), wheel)
    arc = {i["item_id"]: i for i in read_items(tmp_path, "arc-easy")}
    assert arc["arc-easy:3"]["context"] == "Question: What is 3?\nAnswer:"
    assert choice.continuations(arc["arc-easy:3"]) == [" a", " bb"]
    sciq = {i["item_id"]: i for i in read_items(tmp_path, "sciq")}
    assert sciq["sciq:1"]["context"] == "One.\nQuestion: Q1?\nAnswer:"
    assert sciq["sciq:0"]["context"] == "\nQuestion: Q0?\nAnswer:"
    assert sciq["sciq:1"]["choices"] == ["wrong1", "wrong2", "wrong3", "right"] and sciq["sciq:1"]["gold"] == 3


def test_items_that_share_a_passage_or_a_question_are_one_cluster(wheel, tmp_path):
    manifest = write(tmp_path, evaluation(["arc-easy", "sciq"], items=12), wheel)
    counts = {t["name"]: (t["n"], t["clusters"]) for t in manifest["tasks"]}
    assert counts == {"scenario": (20, 20), "arc-easy": (12, 11), "sciq": (6, 4)}


def test_a_larger_sample_holds_the_smaller_and_a_seed_repeats_it(wheel):
    def drawn(count, seed):
        return [i["item_id"] for i in choice.sample(wheel, "arc-easy", count, seed)]

    assert drawn(5, 0) == drawn(12, 0)[:5] == drawn(5, 0)
    assert drawn(12, 0) != drawn(12, 1)


def test_the_same_recipe_writes_the_same_bytes(wheel, tmp_path):
    for name in "ab":
        write(tmp_path / name, evaluation(["arc-easy"], items=7), wheel)
    assert hash_folder(tmp_path / "a") == hash_folder(tmp_path / "b")


def test_each_set_has_its_own_licence_on_record(wheel, tmp_path):
    manifest = write(tmp_path, evaluation(["arc-easy", "sciq"], items=12), wheel)
    licences = {t["name"]: t["licence"] for t in manifest["tasks"]}
    assert licences == {"scenario": "own", "arc-easy": "CC-BY-SA-4.0", "sciq": "CC-BY-NC-3.0"}
    assert read_json(tmp_path / "manifest.json") == manifest


def test_what_is_kept_out_of_training_is_the_item_without_prompt_or_system_text(wheel, tmp_path):
    texts = [{"item_id": "text:0", "cluster": "text:0", "text": "Rain fell."}]
    write(tmp_path, evaluation(["arc-easy", "general-text"], items=12), wheel, general_texts=texts)
    kept_out = overlap_texts(tmp_path)
    assert kept_out["arc-easy:3"] == "What is 3?"
    assert kept_out["row:0"] == "Say it.\nIt!"
    assert kept_out["text:0"] == "Rain fell."


@pytest.mark.parametrize(
    ("scenario", "sentence"),
    [
        ([], "scenario has no items"),
        (rows(2) + rows(2), "two items of scenario are called row:0"),
        (rows(9, messages=[{"role": "user", "content": "Hm?"}]), "ends with a user turn"),
    ],
)
def test_a_scenario_that_cannot_be_asked_is_refused_before_anything_is_spent(tmp_path, scenario, sentence):
    with pytest.raises(DataError, match=sentence):
        write(tmp_path, evaluation(), scenario=scenario)
    assert not (tmp_path / "manifest.json").exists()


def test_a_wheel_without_the_task_is_named_with_what_to_do(wheel, tmp_path):
    with pytest.raises(DataError, match=r"no items of piqa .* leave the task out of evaluation\.guard\.tasks"):
        write(tmp_path, evaluation(["piqa"]), wheel)


def test_what_can_be_seen_is_said_with_its_assumption(wheel, tmp_path):
    manifest = write(tmp_path, evaluation(["arc-easy"], items=12, margin=0.05), wheel)
    scenario, accuracy = manifest["detectable"]
    assert scenario["metric"] == "held_out_loss" and scenario["effect"] > 0 and "margin" not in scenario
    assert accuracy["sentence"].endswith("the margin is 5.0 points, so the guard may stay undecided")
    assert accuracy["margin"] == 0.05 and accuracy["enough"] is False and "one answer in five" in accuracy["assumption"]


def test_rows_of_too_few_groups_are_said_to_show_nothing(tmp_path):
    (entry,) = write(tmp_path, evaluation(), scenario=rows(20, cluster="one"))["detectable"]
    assert entry["effect"] is None and "20 items in 1 groups show nothing" in entry["sentence"]


def test_the_detectable_effect_is_the_textbook_one():
    # two-sided 5%, power 80%: 2.80 standard errors, and a fifth of the answers change sides
    assert power.detectable(2000, 2000, power.CHOICES) == pytest.approx(2.8016 * math.sqrt(0.2 / 2000), rel=2e-3)
    assert power.detectable(60, 30, power.REPLIES) > power.detectable(60, 60, power.REPLIES)
    assert power.detectable(60, 5, power.REPLIES) is None


def test_items_still_needed_are_those_that_bring_the_standard_error_down():
    measured = Difference(0.5, 0.49, -0.01, (-0.05, 0.03), 0.02, 0.6, 400, 400)
    assert power.items_needed(measured, 0.04) == pytest.approx(400 * (2.8016 * 0.02 / 0.04) ** 2, abs=2)
    assert power.items_needed(measured, 0.0) is None  # no number of items tells a difference from itself
    few = Difference(0.5, 0.4, -0.1, (-0.2, 0.0), 0.001, 0.1, 8, 4)
    assert power.items_needed(few, 0.1) == 12  # six groups are needed all the same
