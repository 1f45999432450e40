"""Near-copies never straddle the split, and the split is the same each time."""

import random
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from danlu.data.row import Row
from danlu.data.split import group_rows, split_by_group
from danlu.errors import DataError
from danlu.text.words import ngrams, words

WORDS = "one two three four five six seven eight nine ten red blue green north south east west cat dog sun moon".split()


def row(number, *turns, system=None):
    roles = ("user", "assistant")
    messages = [{"role": roles[i % 2], "content": text} for i, text in enumerate(turns)]
    if system:
        messages = [{"role": "system", "content": system}, *messages]
    return Row(f"a:{number}", "a", f"a.jsonl:{number}", messages=tuple(messages))


def distinct(number, generator):
    return row(number, *(" ".join(generator.choices(WORDS, k=12)) for _ in range(2)))


def many(count, seed=0):
    generator = random.Random(seed)
    return [distinct(number, generator) for number in range(count)]


def text(r):
    return " ".join(m["content"] for m in r.messages if m["role"] == "user")


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.floats(0, 0.5))
def test_rows_that_share_half_their_ngrams_never_straddle(seed, share):
    generator = random.Random(seed)
    rows = many(40, seed)
    for number in range(40, 80):  # copies of some rows, a few words changed
        said = text(rows[generator.randrange(40)]).split()
        for _ in range(generator.randrange(3)):
            said[generator.randrange(len(said))] = generator.choice(WORDS)
        rows.append(row(number, " ".join(said), f"answer {number}"))
    train, held_out = split_by_group(rows, share, seed)
    assert sorted(r.row_id for r in train + held_out) == sorted(r.row_id for r in rows)
    for left in train:
        for right in held_out:
            a, b = (set(ngrams(words(text(r)), 5)) for r in (left, right))
            assert len(a & b) < 0.5 * len(a | b)


def test_pairs_found_are_exactly_those_alike():
    generator = random.Random(1)
    texts = [" ".join(generator.choices(WORDS[:4], k=14)) for _ in range(60)]
    rows = [Row(f"a:{n}", "a", f"a:{n}", text=said) for n, said in enumerate(texts)]
    groups = group_rows(rows)
    sets = [set(ngrams(words(r.text), 5)) for r in rows]
    for i, j in combinations(range(60), 2):
        if len(sets[i] & sets[j]) >= 0.5 * len(sets[i] | sets[j]):
            assert groups[i] == groups[j]
    assert len(set(groups)) > 1


def test_the_same_question_with_another_answer_is_one_group():
    a, b = row(1, "How do I reset my password?", "Click here."), row(2, "how do I reset my PASSWORD", "Write to us.")
    assert group_rows([a, b]) == [0, 0]


def test_a_greeting_does_not_make_a_group():
    a = row(1, "Hi", "Hello!", "My parcel is late since Monday", "Which number?")
    b = row(2, "Hi", "Hello!", "I want another colour of shoes", "Which size?")
    assert group_rows([a, b]) == [0, 1]


def test_a_shared_system_prompt_does_not_make_a_group():
    system = " ".join(f"rule{n}" for n in range(200))
    a = row(1, "My parcel is late since Monday", "Which number?", system=system)
    b = row(2, "I want another colour of shoes", "Which size?", system=system)
    assert group_rows([a, b]) == [0, 1]


def test_set_phrases_in_replies_do_not_make_a_group():
    phrase = " ".join(f"phrase{n}" for n in range(60))
    a = row(1, "My parcel is late since Monday", phrase)
    b = row(2, "I want another colour of shoes", phrase)
    assert group_rows([a, b]) == [0, 1]


def test_calls_in_which_the_user_says_little_are_told_apart_by_the_rest():
    a = row(1, "Hello", "This is about the invoice of last week, is it paid?", "Yes", "Thank you.")
    b = row(2, "Hello", "We would like to send you the new catalogue, may we?", "Yes", "Thank you.")
    assert group_rows([a, b]) == [0, 1]


def test_the_split_is_the_same_each_time_and_differs_by_seed():
    rows = many(100)
    assert split_by_group(rows, 0.1, 3) == split_by_group(rows, 0.1, 3)
    assert split_by_group(rows, 0.1, 3)[1] != split_by_group(rows, 0.1, 4)[1]


def test_a_row_added_later_moves_no_other_row_into_training():
    rows = many(100)
    before = {r.row_id for r in split_by_group(rows)[1]}
    after = {r.row_id for r in split_by_group([*rows, distinct(100, random.Random(9))])[1]}
    assert len(before - after) <= 1


@pytest.mark.parametrize(("count", "held"), [(20, 8), (60, 8), (300, 30), (4000, 200)])
def test_between_eight_and_two_hundred_rows_are_held_out(count, held):
    assert len(split_by_group(many(count))[1]) == held


def test_large_groups_do_not_leave_few_questions():
    rows = [row(g * 50 + n, f"question number {g} about the topic {g}", f"a{n}") for g in range(20) for n in range(50)]
    _, held_out = split_by_group(rows)
    assert len({r.messages[0]["content"] for r in held_out}) >= 8


def test_too_few_distinct_rows_are_said():
    rows = [row(n, "How do I reset my password?", "Click here.") for n in range(100)]
    with pytest.raises(DataError, match="100 rows, of which 1 differ: too few"):
        split_by_group(rows)
