"""General rows are many, different and right; the guard's paragraphs are apart from them."""

import random

import pytest

from danlu.data import general
from danlu.data.general import tables
from danlu.data.general.generate import catalogue
from danlu.errors import DataError
from danlu.text.overlap import OverlapIndex
from danlu.text.words import words


def asked_and_answered(row):
    return row.messages[-2]["content"], row.messages[-1]["content"]


def test_there_are_at_least_eight_hundred_different_rows_in_every_seed():
    for seed in range(10):
        rows = general.rows(800, seed, "general")
        assert len({asked_and_answered(row) for row in rows}) == 800
        assert len({row.row_id for row in rows}) == 800


def test_more_rows_than_there_are_is_refused_with_the_number():
    with pytest.raises(DataError, match=r"has \d{3} different rows, not 5000"):
        general.rows(5000, 0, "general")


def test_rows_end_with_a_short_answer_and_about_half_have_a_system_prompt():
    rows = general.rows(800, 1, "general")
    roles = [tuple(m["role"] for m in row.messages) for row in rows]
    assert set(roles) == {("user", "assistant"), ("system", "user", "assistant")}
    assert 300 < sum(len(r) == 3 for r in roles) < 500
    for row in rows:
        asked, answered = asked_and_answered(row)
        assert 1 <= len(words(answered)) <= 50
        assert len(words(asked)) <= 50
        assert answered == answered.strip()


def test_the_same_seed_gives_the_same_rows_and_another_seed_another_order():
    assert general.rows(50, 2, "g") == general.rows(50, 2, "g")
    assert [asked_and_answered(r) for r in general.rows(50, 2, "g")] != [
        asked_and_answered(r) for r in general.rows(50, 3, "g")
    ]


def test_a_few_rows_already_cover_every_kind_of_instruction():
    kinds = catalogue(random.Random("general:0"))
    where = {pair: kind for kind, pairs in kinds.items() for pair in pairs}
    seen = {where.get(asked_and_answered(row)) for row in general.rows(len(kinds), 0, "g")}
    assert seen >= set(kinds)


def test_made_answers_are_right():
    capital = dict(tables.CAPITALS)
    checked = 0
    for row in general.rows(880, 4, "g"):
        asked, answered = asked_and_answered(row)
        if asked.startswith("What is the capital of "):
            assert capital[asked.removeprefix("What is the capital of ").rstrip("?")] in answered
        elif asked.startswith("Put these words in alphabetical order: "):
            assert answered.split(", ") == sorted(asked.split(": ")[1].split(", "))
        elif asked.startswith("Which of these words comes first"):
            assert answered == min(asked.split(": ")[1].rstrip("?").split(" or "))
        elif asked.startswith("Which of these does not belong"):
            assert answered.split()[0].lower() in asked.lower()
        else:
            continue
        checked += 1
    assert checked > 60


def test_python_answers_are_python():
    compiled = 0
    for row in general.rows(880, 5, "g"):
        asked, answered = asked_and_answered(row)
        if asked.startswith("Write a Python"):
            compile(answered, asked, "exec")
            compiled += 1
    assert compiled >= 10


def test_tables_have_no_double_entry_and_no_ragged_row():
    for name in ("CAPITALS", "OPPOSITES", "PAST", "PLURALS", "YOUNG", "DEFINITIONS", "LISTS", "REVIEWS", "HEADLINES"):
        rows = getattr(tables, name)
        assert {len(row) for row in rows} == {2}, name
        assert len({row[0] for row in rows}) == len(rows), name
    assert {len(row) for row in tables.TRANSLATIONS} == {5}
    assert {len(row) for row in tables.MESSAGES} == {3}
    assert {len(items.split(", ")) for _, items in tables.LISTS} == {6}
    assert {mood for _, mood in tables.REVIEWS} == {"positive", "negative"}


def test_there_are_sixty_paragraphs_of_ordinary_length_over_many_topics():
    texts = general.texts(1000, 0)
    assert len(texts) >= 60
    assert len({item["text"] for item in texts}) == len({item["item_id"] for item in texts}) == len(texts)
    assert len({item["cluster"] for item in texts}) >= 30
    for item in texts:
        assert 60 <= len(item["text"].split()) <= 120, item["item_id"]
        assert "\n" not in item["text"]


def test_a_sample_of_paragraphs_is_seeded():
    assert general.texts(20, 1) == general.texts(20, 1)
    assert general.texts(20, 1) != general.texts(20, 2)


def test_paragraphs_and_rows_share_no_eight_words():
    index = OverlapIndex({item["item_id"]: item["text"] for item in general.texts(1000, 0)}, 8)
    for seed in range(3):
        assert [row.row_id for row in general.rows(880, seed, "g") if index.find(row.content)] == []
