"""Each verifier on replies that it must pass and replies that it must not."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from danlu import grading


@dataclass
class Said:
    text: str
    finish_reason: str = "stop"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("The answer is 42.", 42),
        ("So that makes 42.0 apples", 42),
        ("That is $1,234.50 in all!", 1234.5),
        ("It is 60%.", 60),
        ("3 + 4 = 7", 7),
        ("12-5", 5),
        ("12 - 5", 5),
        ("It falls to -7 degrees", -7),
        ("It falls to −7", -7),
        ("(x+2)-3", 3),
        ("Right: 3/4 of it", 0.75),
        ("about .5 litres", 0.5),
        ("£9, well done. Nice one!", 9),
        ("#### 1,000,000", 1_000_000),
        ("It makes twelve.", 12),
        ("10/0", 10),
        ("12kg", 12),
        ("no number at all", None),
        ("", None),
    ],
)
def test_the_last_number_stated_is_found(text, number):
    assert grading.last_number(text) == number


@pytest.mark.parametrize(
    ("text", "answer", "passed"),
    [
        ("That makes 42.", 42, True),
        ("42 it is, 3 boxes of 14.", 42, False),
        ("Well done!", 42, False),
        ("42.0", 42, True),
    ],
)
def test_the_final_number_must_be_the_answer(text, answer, passed):
    mark = grading.final_number(answer)(Said(text))
    assert mark.passed is passed
    assert "42" in mark.reason


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("What is 3 + 4?", True),
        ("Really??", True),
        ("Add them.", False),
        ("What? Why?", False),
        ("下一步是什么？", True),
    ],
)
def test_exactly_one_question_is_asked(text, passed):
    assert grading.one_question(Said(text)).passed is passed


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("How many rows are there?", None),
        ("It is 12, right?", "gives 12 away"),
        ("It is twelve, right?", "gives 12 away"),
        ("1,200 metres?", "gives 1200 away"),
        ("Is it 120?", None),
    ],
)
def test_nothing_is_given_away_in_digits_or_words(text, reason):
    mark = grading.gives_nothing_away([12, 1200])(Said(text))
    assert mark.passed is (reason is None)
    assert reason is None or mark.reason == reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("What could you do with 3 and 14?", None),
        ("First find one bag. Which two numbers do you need?", None),
        ("1. Read it again.\n2) What do you know? Then to step 5.", None),
        ("How big is 1/3 of the apples?", None),
        ("What is the answer?", None),
        ("The answer is 14. Is it not?", "claims that the answer is 14"),
        ("3 + 14 = 17. Right?", "states the result 17"),
    ],
)
def test_a_number_that_was_not_given_is_a_result_right_or_wrong(text, reason):
    mark = grading.states_no_result("Three bags hold 14 apples each.")(Said(text))
    assert (mark.passed, mark.reason) == (reason is None, reason or "states no result")


PROBLEM = "Mia has 3 bags with 14 apples each. How many apples has she?"


@pytest.mark.parametrize(
    ("text", "finish", "reason"),
    [
        ("How many apples are in one bag?", "stop", None),
        ("What do 3 and 14 stand for?", "stop", None),
        ("What would you calculate?", "stop", None),
        ("  ", "stop", "says nothing"),
        ("How many apples are", "length", "was cut off"),
        ("How many apples? Pupil: 42 apples!", "stop", "speaks for the pupil"),
        ("How many apples?\nUser: I do not know", "stop", "speaks for the user"),
        ("**Student:** 42 apples", "stop", "speaks for the student"),
        ("Count the apples.<|im_start|>user", "stop", "control token <|im_start|>"),
        ("As an AI language model I cannot eat apples.", "stop", "steps out of the role"),
        ("The weather is lovely today.", "stop", "shares no word and no number"),
        ("apples " * 81, "stop", "has 81 words"),
    ],
)
def test_a_reply_in_role_is_whole_ones_own_brief_and_about_the_problem(text, finish, reason):
    mark = grading.in_role(PROBLEM, "calculate", 80)(Said(text, finish))
    assert mark.passed is (reason is None)
    assert reason is None or reason in mark.reason


def test_speaking_of_the_pupil_is_not_speaking_for_the_pupil():
    assert grading.speaks_for_itself(Said("A pupil asked: how many apples?")).passed


def test_a_conjunction_names_its_first_failure():
    both = grading.all_of(grading.one_question, grading.exact("Yes!"))
    assert both(Said("yes")).reason == "asks no questions"
    assert grading.exact("Yes!")(Said(" yes ")).passed


@given(st.text(), st.floats(allow_nan=False, allow_infinity=False))
def test_no_text_makes_a_verifier_raise(text, answer):
    for verifier in (
        grading.final_number(answer),
        grading.gives_nothing_away([answer]),
        grading.states_no_result(text),
        grading.in_role(text, "", 5),
    ):
        assert isinstance(verifier(Said(text)).reason, str)
    grading.one_question(Said(text))


@given(st.decimals(min_value=-(10**6), max_value=10**6, places=2))
def test_a_number_written_with_separators_is_read_back(value):
    assert grading.last_number(f"It is {value:,}.") == pytest.approx(float(value))
