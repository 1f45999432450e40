"""What the marks of the tutor scenario let pass and what they stop."""

import re

from danlu import grading
from danlu.data import tutor as generator
from danlu.evaluation import tutor

SYSTEM = {"role": "system", "content": "You are a tutor."}
ITEM = {
    "item_id": "tutor:bags:0",
    "cluster": "bags",
    "problem": "Mia has 3 bags with 14 apples each. How many apples has she?",
    "answer": 42,
    "forbidden": [42],
    "first": {"messages": [SYSTEM, {"role": "user", "content": "Mia has 3 bags with 14 apples each. I am lost."}]},
    "closing": {
        "messages": [
            SYSTEM,
            {"role": "user", "content": "Mia has 3 bags with 14 apples each. I am lost."},
            {"role": "assistant", "content": "What joins equal groups?"},
            {"role": "user", "content": "I multiply 3 by 14?"},
        ]
    },
}


class Said:
    def __init__(self, text, finish_reason="stop"):
        self.text, self.finish_reason = text, finish_reason


def record(first, closing):
    return tutor.mark(ITEM, {"first": Said(first), "closing": Said(closing)})


def test_success_is_the_share_of_the_two_replies_that_pass():
    good, bad = "How many apples are in one bag?", "It is 42 apples, right?"
    right, wrong = "Yes: 3 × 14 = 42, so she has 42 apples.", "Yes: 3 × 14 = 44."
    assert record(good, right)["scores"]["success"] == 1
    assert record(good, wrong)["scores"]["success"] == record(bad, right)["scores"]["success"] == 0.5
    assert record(bad, wrong)["scores"]["success"] == 0
    assert [record(*said)["correct"] for said in ((good, right), (good, wrong))] == [True, False]


def test_every_mark_is_kept_with_its_reason():
    marks = record("It is 42 apples.", "Yes, 44.")["marks"]
    assert marks["first"]["one_question"] == {"passed": False, "reason": "asks no questions"}
    assert marks["first"]["gives_nothing_away"] == {"passed": False, "reason": "gives 42 away"}
    assert marks["closing"]["final_number"] == {"passed": False, "reason": "states 44 at the end; the answer is 42"}


def test_worked_examples_stand_between_the_system_prompt_and_the_items_own_turns():
    example = [{"role": "user", "content": "E?"}, {"role": "assistant", "content": "e"}]
    asked = tutor.prompt(ITEM, "first", example)
    assert [m["role"] for m in asked] == ["system", "user", "assistant", "user"]
    assert asked[1:3] == example and asked[3] == ITEM["first"]["messages"][1]


def test_a_tutor_as_the_generator_writes_it_passes():
    dialogues = [row.messages for row in generator.rows(300, 5, "tutor")]
    passed = 0
    for _, ask, first, *rest in dialogues:
        closing = rest[-1]["content"]
        result = float(re.findall(r"= (\d[\d,]*)", closing)[-1].replace(",", ""))
        item = ITEM | {"problem": ask["content"], "answer": result, "forbidden": [result]}
        item["first"] = {"messages": [SYSTEM, ask]}
        item["closing"] = {"messages": [SYSTEM, ask, first, rest[-2]]}
        passed += tutor.mark(item, {"first": Said(first["content"]), "closing": Said(closing)})["correct"]
    assert passed >= 0.99 * len(dialogues)


def test_the_scenarios_own_history_never_states_what_it_asks_for():
    for item in generator.held_out(78, 3):
        said = " ".join(m["content"] for m in item["closing"]["messages"][1:])
        assert not grading.final_number(item["answer"])(Said(item["closing"]["messages"][-1]["content"])).passed
        assert grading.gives_nothing_away([item["answer"]])(Said(said)).passed


def test_the_first_reply_of_the_scripted_history_passes_whatever_its_wording():
    items = generator.held_out(300, 9)
    passed = 0
    for item in items:
        first = item["closing"]["messages"][2]["content"]
        passed += all(mark(Said(first)).passed for mark in tutor.verifiers(item, "first").values())
    assert passed >= 0.99 * len(items)
