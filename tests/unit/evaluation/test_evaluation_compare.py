"""From two arms' logs to rows, verdict, and one sentence."""

import json
import math

import pytest

from danlu.artefact import write_jsonl
from danlu.errors import DataError
from danlu.evaluation import compare, write_items
from danlu.evaluation import tutor as scenario_of
from danlu.evaluation.row import Row
from danlu.evaluation.statistics import Difference, paired
from danlu.recipe.evaluation import Evaluation

SYSTEM = {"role": "system", "content": "You are a tutor."}
GOOD = {"first": "How many apples are in one bag?", "closing": "Right, 42 apples."}
BAD = {"first": "It is 42 apples.", "closing": "It is 41 apples."}


class Said:
    def __init__(self, text):
        self.text, self.finish_reason = text, "stop"


def item(number, name="tutor"):
    ask = {"role": "user", "content": "3 bags hold 14 apples each. How many apples?"}
    return {
        "item_id": f"{name}:family{number % 10}:{number}",
        "cluster": f"family{number % 10}" if name == "tutor" else f"{name}:{number}",
        "problem": ask["content"],
        "answer": 42,
        "forbidden": [42],
        "first": {"messages": [SYSTEM, ask]},
        "closing": {"messages": [SYSTEM, ask, {"role": "assistant", "content": "Multiply?"}, ask]},
    }


def texts(count=30):
    return [{"item_id": f"text:{n}", "cluster": f"text:{n}", "text": f"Text {n}."} for n in range(count)]


def tutor_evaluation(**changes):
    guard = {"tasks": ["general-text"]}
    return Evaluation.model_validate({"scenario": {"kind": "tutor"}, "guard": guard} | changes)


def write_tutor(folder, items, good):
    """A log in which the items that `good` names pass both replies."""
    said = (GOOD if good(n) else BAD for n in range(len(items)))
    records = [
        scenario_of.mark(i, {turn: Said(text) for turn, text in replies.items()})
        for i, replies in zip(items, said, strict=True)
    ]
    write_jsonl(folder, records)


def write_losses(path, items, losses):
    keys = ("item_id", "cluster")
    write_jsonl(path, [{k: i[k] for k in keys} | {"loss": x} for i, x in zip(items, losses, strict=True)])


@pytest.fixture
def arms(tmp_path):
    """Folders of an evaluation in which the tuned tutor passes 5 of 6, the base 1 of 6, and texts stay as they are."""
    items = [item(n) for n in range(60)]
    evaluation = tutor_evaluation()
    write_items(
        evaluation, tmp_path / "items", scenario=items, few_shot={"messages": []}, wheel=None, general_texts=texts()
    )
    write_tutor(tmp_path / "base" / "scenario.jsonl", items, lambda n: n // 10 == n % 6)
    write_tutor(tmp_path / "base" / "scenario-few-shot.jsonl", items, lambda n: n % 2)
    write_tutor(tmp_path / "tuned" / "scenario.jsonl", items, lambda n: n // 10 != n % 6)
    for arm in ("base", "tuned"):
        write_losses(tmp_path / arm / "general-text.jsonl", texts(), [2 + n / 10 for n in range(30)])
    return evaluation, tmp_path


def run(arms):
    evaluation, folder = arms
    return compare(evaluation, folder / "items", folder / "base", folder / "tuned")


def rows(result, part="scenario"):
    return {(r["metric"], r["against"]): r for r in result[part]}


def test_a_clear_gain_with_a_guard_that_holds_ships(arms):
    result = run(arms)
    row = rows(result)["success", "base"]
    assert result["scenario"][0] == row
    assert row["diff"] == pytest.approx(row["tuned"] - row["base"])
    assert row["ci95"][0] > 0 and row["clusters"] == 10 and row["n"] == 60
    assert (result["verdict"], result["ship"]) == ("better", True)
    assert result["why"].startswith("Ship: better than the base, replies that pass ")
    assert "95% interval" in result["why"] and "two worked examples" in result["why"]
    assert rows(result, "guard")["general_text_loss", "base"]["held"] == "yes"


def test_each_verifier_is_reported_apart_against_both_arms(arms):
    found = rows(run(arms))
    for against in ("base", "few_shot"):
        for metric in ("first_reply", "first_gives_nothing_away", "first_one_question", "closing_final_number"):
            assert (metric, against) in found
    assert found["first_in_role", "base"]["diff"] == 0


def test_the_interval_in_the_row_is_that_of_the_items(arms):
    base = [0.0 + (n // 10 == n % 6) for n in range(60)]
    expected = paired(base, [1 - x for x in base], [f"family{n % 10}" for n in range(60)], bound=1.0)
    assert rows(run(arms))["success", "base"]["ci95"] == pytest.approx(expected.ci95)


def test_a_gain_past_a_guard_that_fell_does_not_ship(arms):
    write_losses(arms[1] / "tuned" / "general-text.jsonl", texts(), [2.2 + n / 10 + n % 3 / 50 for n in range(30)])
    result = run(arms)
    assert (result["verdict"], result["ship"]) == ("better", False)
    assert rows(result, "guard")["general_text_loss", "base"]["held"] == "no"
    assert result["why"].startswith("Do not ship: loss on general text rose too far (+0.2")


def test_an_undecided_guard_does_not_ship_and_says_how_many_items_would_decide(arms):
    noisy = [2 + n / 10 + (0.3 if n % 2 else -0.3) for n in range(30)]
    write_losses(arms[1] / "tuned" / "general-text.jsonl", texts(), noisy)
    result = run(arms)
    assert result["ship"] is False
    assert rows(result, "guard")["general_text_loss", "base"]["held"] == "undecided"
    assert "more items would decide" in result["why"]


def test_nothing_ships_unguarded(arms):
    folder = arms[1]
    result = run((tutor_evaluation(guard=None), folder))
    assert (result["verdict"], result["ship"], result["guard"]) == ("better", False, [])
    assert "nothing ships unguarded" in result["why"]


def test_a_model_that_two_examples_in_the_prompt_beat_does_not_ship(arms):
    items = [item(n) for n in range(60)]
    write_tutor(arms[1] / "base" / "scenario-few-shot.jsonl", items, lambda n: True)
    result = run(arms)
    assert (result["verdict"], result["ship"]) == ("better", False)
    assert "prompting the base with two worked examples does better" in result["why"]


def test_the_same_answers_are_no_gain(arms):
    folder = arms[1]
    write_tutor(folder / "tuned" / "scenario.jsonl", [item(n) for n in range(60)], lambda n: n // 10 == n % 6)
    result = run(arms)
    assert (result["verdict"], result["ship"]) == ("undecided", False)
    assert result["why"].startswith("Do not ship: undecided against the base")


def test_a_loss_is_not_better(arms):
    write_tutor(arms[1] / "tuned" / "scenario.jsonl", [item(n) for n in range(60)], lambda n: False)
    assert run(arms)["verdict"] == "not_better"


def test_problems_by_another_hand_are_reported_but_do_not_decide(arms):
    evaluation, folder = arms
    items = [item(n) for n in range(60)] + [item(n, "gsm8k") for n in range(40)]
    write_items(
        evaluation, folder / "items", scenario=items, few_shot={"messages": []}, wheel=None, general_texts=texts()
    )
    for arm, good in (("base/scenario", lambda n: n % 5 == 0), ("base/scenario-few-shot", lambda n: n % 2)):
        write_tutor(folder / f"{arm}.jsonl", items, good)
    write_tutor(folder / "tuned" / "scenario.jsonl", items, lambda n: n < 60)
    result = run(arms)
    found = rows(result)
    assert found["success", "base"]["n"] == 60 and found["gsm8k_success", "base"]["n"] == 40
    assert found["gsm8k_success", "base"]["verdict"] == "not_better" and result["verdict"] == "better"


def test_samples_show_the_same_item_in_every_arm_with_its_marks(arms):
    samples = run(arms)["samples"]
    assert len({s["item_id"] for s in samples}) == 3 and len(samples) == 6
    assert list(samples[0]["replies"]) == ["base", "few_shot", "tuned"]
    assert samples[0]["replies"]["tuned"] == GOOD["first"] and samples[0]["replies"]["base"] == BAD["first"]
    assert samples[0]["marks"]["base"]["gives_nothing_away"] == {"passed": False, "reason": "gives 42 away"}
    assert samples[1]["prompt"].startswith("User: 3 bags") and "You are a tutor" not in samples[1]["prompt"]


def test_missing_answers_are_named(arms):
    (arms[1] / "tuned" / "scenario.jsonl").unlink()
    with pytest.raises(DataError, match=r"tuned/scenario\.jsonl: no such file"):
        run(arms)
    write_tutor(arms[1] / "tuned" / "scenario.jsonl", [item(n) for n in range(59)], lambda n: True)
    with pytest.raises(DataError, match="59 answers for 60 items"):
        run(arms)


def held_out(count):
    return [
        {
            "item_id": f"held-out:{n}",
            "cluster": f"held-out:{n}",
            "messages": [{"role": "user", "content": f"Say {n}."}, {"role": "assistant", "content": f"{n}!"}],
        }
        for n in range(count)
    ]


def test_a_lower_loss_is_a_gain_and_says_so(tmp_path):
    evaluation = Evaluation.model_validate({"scenario": {"kind": "held-out", "path": "x"}, "guard": None})
    items = held_out(20)
    write_items(evaluation, tmp_path / "items", scenario=items, few_shot=None, wheel=None, general_texts=[])
    write_losses(tmp_path / "base" / "scenario.jsonl", items, [2 + n / 10 for n in range(20)])
    write_losses(tmp_path / "tuned" / "scenario.jsonl", items, [1.5 + n / 11 for n in range(20)])
    result = compare(evaluation, tmp_path / "items", tmp_path / "base", tmp_path / "tuned")
    (row,) = result["scenario"]
    assert (row["metric"], row["better"], row["verdict"]) == ("held_out_loss", "lower", "better")
    assert row["diff"] < 0 and row["ci95"][1] < 0
    assert result["samples"] == []


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_handful_of_rows_is_undecided_and_never_a_crash(tmp_path, count):
    evaluation = Evaluation.model_validate({"scenario": {"kind": "held-out", "path": "x"}, "guard": None})
    items = held_out(count)
    write_items(evaluation, tmp_path / "items", scenario=items, few_shot=None, wheel=None, general_texts=[])
    write_losses(tmp_path / "base" / "scenario.jsonl", items, [2.0] * count)
    write_losses(tmp_path / "tuned" / "scenario.jsonl", items, [1.0] * count)
    result = compare(evaluation, tmp_path / "items", tmp_path / "base", tmp_path / "tuned")
    assert (result["verdict"], result["ship"]) == ("undecided", False)
    assert "fewer than 6 groups can show nothing" in result["why"]
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def row(low, high, margin=None, better="higher", clusters=30):
    difference = Difference(0.5, 0.5, (low + high) / 2, (low, high), 0.1, 0.5, 60, clusters)
    return Row("accuracy", "base", difference, better, margin)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.01, 0.2, "better"),
        (0.0, 0.2, "undecided"),
        (-0.1, 0.1, "undecided"),
        (-0.2, 0.0, "not_better"),
        (-0.2, -0.1, "not_better"),
        (-math.inf, math.inf, "undecided"),
    ],
)
def test_the_verdict_is_read_off_the_interval(low, high, verdict):
    assert row(low, high).verdict == verdict
    assert row(-high, -low, better="lower").verdict == verdict


@pytest.mark.parametrize(
    ("low", "high", "held"),
    [(-0.02, 0.01, "yes"), (-0.03, 0.01, "undecided"), (-0.05, -0.01, "undecided"), (-0.06, -0.04, "no")],
)
def test_a_guard_holds_only_where_the_whole_interval_lies_above_the_margin(low, high, held):
    assert row(low, high, margin=0.03).held == held
    assert row(-high, -low, margin=0.03, better="lower").held == held


def test_too_few_clusters_claim_nothing_in_either_direction():
    assert row(0.1, 0.2, clusters=5).verdict == row(-0.2, -0.1, clusters=5).verdict == "undecided"
    assert row(0.0, 0.1, margin=0.03, clusters=5).held == row(-0.2, -0.1, margin=0.03, clusters=5).held == "undecided"


def test_a_row_cannot_be_made_without_its_interval():
    with pytest.raises(TypeError):
        Row("accuracy", "base")
    with pytest.raises(TypeError):
        Difference(base=0.5, tuned=0.6, diff=0.1, se=0.1, p=0.5, n=60, clusters=30)
