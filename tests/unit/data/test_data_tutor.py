"""The tutor's dialogues keep their promises over thousands of draws, and held-out items stand apart from them."""

import json
import random
from collections import Counter
from pathlib import Path

import pytest

from danlu.data import tutor
from danlu.data.tutor.dialogue import SYSTEM, write
from danlu.data.tutor.generate import HELD_OUT_FAMILIES, TRAINING_FAMILIES
from danlu.data.tutor.problem import Story, TutorProblem, draw, minus, over, plus, times
from danlu.data.tutor.voice import HELD_OUT, TRAINING, Voice
from danlu.errors import DataError
from danlu.text.numbers import numbers_in
from danlu.text.overlap import OverlapIndex
from danlu.text.words import ngrams, words

GSM8K = Path(__file__).parents[4] / "shared" / "data" / "gsm8k" / "test.jsonl"
TROUBLES = ("slip", "miscount", "lost", "off_topic", "want")


@pytest.fixture(scope="module")
def dialogues():
    return [row.messages for seed in range(3) for row in tutor.rows(1000, seed, "tutor")]


@pytest.fixture(scope="module")
def items():
    return [item for seed in range(5) for item in tutor.held_out(200, seed)]


def said(messages):
    return "\n".join(m["content"] for m in messages if m["role"] != "system")


def test_there_are_enough_families_and_no_family_is_in_both_sets():
    assert len(TRAINING_FAMILIES) >= 60
    assert len(HELD_OUT_FAMILIES) >= 30
    assert not TRAINING_FAMILIES.keys() & HELD_OUT_FAMILIES.keys()


@pytest.mark.parametrize("name", [*TRAINING_FAMILIES, *HELD_OUT_FAMILIES])
def test_every_family_draws_problems_whose_numbers_a_pupil_can_manage(name):
    family = (TRAINING_FAMILIES | HELD_OUT_FAMILIES)[name]
    problems = [draw(name, family, random.Random(seed)) for seed in range(200)]
    assert all(problem.leaks() is None for problem in problems)
    assert all(term >= 1 for problem in problems for step in problem.steps for term in step.terms)
    assert all(value <= 300 for problem in problems for value in problem.forbidden)
    assert len({problem.text for problem in problems}) > 30
    assert all(len(words(problem.text)) <= 45 for problem in problems)


@pytest.mark.parametrize("name", [*TRAINING_FAMILIES, *HELD_OUT_FAMILIES])
@pytest.mark.parametrize("voice", [TRAINING, HELD_OUT], ids=["training", "held-out"])
def test_every_family_can_be_led_through_every_trouble_in_both_voices(name, voice):
    family = (TRAINING_FAMILIES | HELD_OUT_FAMILIES)[name]
    for seed, trouble in enumerate(TROUBLES):
        problem = draw(name, family, random.Random(seed))
        everywhere = {index: [trouble] for index in range(len(problem.steps))}
        for ending in ("named", "found"):
            write(problem, random.Random(seed), voice, everywhere, ending)


def test_each_tutor_turn_but_the_last_is_one_short_question(dialogues):
    for messages in dialogues:
        *questions, closing = [m["content"] for m in messages if m["role"] == "assistant"]
        assert all(q.count("?") == 1 and q.endswith("?") and len(words(q)) <= 45 for q in questions)
        assert "?" not in closing


def test_turns_alternate_from_the_problem_to_the_closing(dialogues):
    for messages in dialogues:
        assert [m["role"] for m in messages] == ["system", *["user", "assistant"] * ((len(messages) - 1) // 2)]
        assert messages[0]["content"] == SYSTEM


def test_the_closing_states_the_last_calculation_and_its_true_result_at_the_end(dialogues):
    signs = {"×": "*", "÷": "/"}
    for messages in dialogues:
        closing = messages[-1]["content"]
        head, _, tail = closing.partition(" = ")
        calculation = head.split(": ", 1)[1]
        result = eval("".join(signs.get(c, c) for c in calculation))
        assert numbers_in(tail)[0] == result == numbers_in(closing)[-1], closing


def test_no_tutor_states_a_result_before_the_pupil_or_the_closing_does():
    for seed in range(2000):
        rng = random.Random(seed)
        name = rng.choice(sorted(TRAINING_FAMILIES))
        problem = draw(name, TRAINING_FAMILIES[name], rng)
        troubles = {rng.randrange(len(problem.steps)): [rng.choice(TROUBLES)]}
        messages = write(problem, rng, TRAINING, troubles, rng.choice(("named", "found")))
        secret = set(problem.forbidden)
        for message in messages[:-1]:
            stated = secret & set(numbers_in(message["content"]))
            assert not stated or message["role"] == "user", messages
            assert len(stated) <= 1, messages
            secret -= stated
        assert secret <= {problem.answer}


def test_the_same_seed_gives_the_same_rows_and_another_seed_others():
    once, again, other = (tutor.rows(150, seed, "tutor") for seed in (4, 4, 5))
    assert once == again
    assert not {said(row.messages) for row in once} & {said(row.messages) for row in other}


def test_rows_differ_and_are_spread_evenly_over_families():
    rows = tutor.rows(1400, 0, "maths")
    assert len({row.content for row in rows}) == len(rows)
    assert len({row.row_id for row in rows}) == len(rows)
    assert all(row.source == "maths" and row.where for row in rows)


def test_a_problem_that_states_its_result_is_drawn_again_and_a_family_that_always_does_is_a_bug():
    def sometimes(rng):
        a = rng.randint(1, 2)
        return Story(f"{a} and 2 more than 3. How many?", (plus("all", a, 2),), f"it is {a + 2}")

    assert draw("sometimes", sometimes, random.Random(0)).answer == 4
    with pytest.raises(AssertionError, match="always: the text states a result"):
        draw("always", lambda rng: Story("3 of 3?", (plus("all", 1, 2),), "it is 3"), random.Random(0))


@pytest.mark.parametrize(
    ("steps", "conclusion", "reason"),
    [
        ((plus("all", 2, 5), minus("it", 9, 2)), "it is 7", "two steps"),
        ((times("all", 2, 5), minus("the 7 left", 17, 10)), "it is 7", "step 2 states"),
        ((over("a share", 12, 4),), "3 of 4", "does not end"),
    ],
)
def test_a_leak_is_named(steps, conclusion, reason):
    assert reason in TutorProblem("f", "How many?", steps, conclusion).leaks()


def test_held_out_items_never_state_the_answer_and_stop_one_step_before_it(items):
    for item in items:
        for turn in ("first", "closing"):
            messages = item[turn]["messages"]
            assert messages[0] == {"role": "system", "content": SYSTEM}
            assert messages[-1]["role"] == "user"
            assert item["answer"] not in numbers_in(said(messages))
        found = set(numbers_in(said(item["closing"]["messages"])))
        assert set(item["forbidden"][:-1]) <= found
        assert item["forbidden"][-1] == item["answer"]


def test_held_out_items_name_the_last_calculation_in_the_last_turn(items):
    for item in items:
        calculation = item["steps"][-1].split(" = ")[0]
        assert sorted(numbers_in(calculation)) == sorted(numbers_in(item["closing"]["messages"][-1]["content"]))


def test_held_out_items_are_spread_evenly_over_families():
    count = Counter(item["cluster"] for item in tutor.held_out(3 * len(HELD_OUT_FAMILIES), 7))
    assert set(count.values()) == {3}
    ids = [item["item_id"] for item in tutor.held_out(100, 1)]
    assert len(set(ids)) == 100
    json.dumps(tutor.held_out(5, 1))


def test_held_out_items_share_no_thirteen_words_with_training_rows(dialogues, items):
    index = OverlapIndex({str(n): said(item["closing"]["messages"]) for n, item in enumerate(items)}, 13)
    assert [found for messages in dialogues if (found := index.find(said(messages)))] == []


def test_the_two_voices_share_no_sentence_and_no_phrase_of_six_words():
    def lines(voice: Voice):
        for name in Voice.__slots__:
            pool = getattr(voice, name)
            for line in pool.values() if isinstance(pool, dict) else pool:
                yield from ([line] if isinstance(line, str) else line)

    index = {" ".join(run) for line in lines(TRAINING) for run in ngrams(words(line), 6)}
    others = {" ".join(run) for line in lines(HELD_OUT) for run in ngrams(words(line), 6)}
    assert not index & others


def test_diversity_finds_a_borrowed_item_and_none_among_the_generated():
    rows, items = tutor.rows(200, 0, "tutor"), tutor.held_out(40, 0)
    found = tutor.diversity(rows, items)
    assert found["copies"] == []
    assert 0 < found["mean_nearest"] <= found["max_nearest"] < 0.2
    assert 0.3 < found["distinct_4"] < 1
    borrowed = {"item_id": "borrowed", "closing": {"messages": rows[3].messages}}
    assert tutor.diversity(rows, [borrowed])["nearest"] == {"borrowed": 1.0}
    assert tutor.diversity(rows, [borrowed])["copies"] == ["borrowed"]


def test_few_shot_is_two_whole_dialogues_on_training_families():
    messages = tutor.few_shot()
    assert [m["role"] for m in messages] == ["user", "assistant"] * (len(messages) // 2)
    assert sum("?" not in m["content"] for m in messages if m["role"] == "assistant") == 2
    assert messages == tutor.few_shot()


def write_gsm8k(path, *rows):
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), "utf-8")
    return path


GOOD = {
    "question": "A box has 4 rows of 6 pens. Eve takes 5. How many stay?",
    "answer": "There are 4*6=<<4*6=24>>24 pens.\n24-5 = <<24-5=19>>19 stay.\n#### 19",
}


def test_gsm8k_rows_become_items_that_stop_one_step_before_the_answer(tmp_path):
    (item,) = tutor.gsm8k(write_gsm8k(tmp_path / "test.jsonl", GOOD), 5, 0)
    assert (item["item_id"], item["cluster"]) == ("gsm8k:1", "gsm8k:1")
    assert (item["answer"], item["forbidden"]) == (19, [24, 19])
    assert item["steps"] == ["4 × 6 = 24", "24 - 5 = 19"]
    assert item["first"]["messages"][-1]["content"] == GOOD["question"]
    assert "24 - 5" in item["closing"]["messages"][-1]["content"]
    assert 19 not in numbers_in(said(item["closing"]["messages"]))


@pytest.mark.parametrize(
    "answer",
    [
        "It is <<4*6=24>>24.\n<<19+5=24>>24\n#### 24",  # the answer is found before the end
        "It is <<4*6=25>>25.\n<<25-5=20>>20\n#### 20",  # wrong arithmetic
        "It is <<24-5=19>>19\n#### 18",  # another answer
        "It is nineteen.\n#### 19",  # nothing to script
        "It is <<50%*8=4>>4\n#### 4",  # not plain arithmetic
        "It is <<4-0=4>>4\n#### 4",  # the question states the answer
    ],
)
def test_gsm8k_rows_that_cannot_be_scripted_are_left_out(tmp_path, answer):
    path = write_gsm8k(tmp_path / "test.jsonl", {**GOOD, "answer": answer}, GOOD)
    assert [item["item_id"] for item in tutor.gsm8k(path, 5, 0)] == ["gsm8k:2"]


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("{not json", r"test.jsonl:2: is not JSON"),
        ({"question": "Why?"}, r"test.jsonl:2: a row of GSM8K has the texts"),
        ([1], r"test.jsonl:2: a row of GSM8K has the texts"),
        ({"question": "Why?", "answer": "12"}, r"test.jsonl:2: 'answer' must end with a line '#### NUMBER'"),
        ({"question": "Why?", "answer": "#### many"}, r"test.jsonl:2: 'answer' must end with a line"),
    ],
)
def test_a_malformed_gsm8k_row_is_named_with_its_line(tmp_path, row, complaint):
    with pytest.raises(DataError, match=complaint):
        tutor.gsm8k(write_gsm8k(tmp_path / "test.jsonl", GOOD, row), 5, 0)


def test_a_gsm8k_file_that_is_missing_or_empty_is_refused(tmp_path):
    with pytest.raises(DataError, match="there is no such file"):
        tutor.gsm8k(tmp_path / "none.jsonl", 5, 0)
    with pytest.raises(DataError, match="holds no problem"):
        tutor.gsm8k(write_gsm8k(tmp_path / "test.jsonl"), 5, 0)


@pytest.mark.skipif(not GSM8K.is_file(), reason="GSM8K lies beside the project only where it was put there")
def test_most_of_gsm8k_can_be_asked():
    items = tutor.gsm8k(GSM8K, 5000, 0)
    assert len(items) > 900
    for item in items:
        assert item["answer"] not in numbers_in(said(item["closing"]["messages"]))
    assert tutor.gsm8k(GSM8K, 200, 0) == tutor.gsm8k(GSM8K, 200, 0)
    assert len(tutor.gsm8k(GSM8K, 200, 0)) == 200
