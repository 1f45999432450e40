"""Overlaps are found exactly: every shared passage, and no other."""

from hypothesis import given
from hypothesis import strategies as st

from danlu.text.overlap import OverlapIndex
from danlu.text.words import ngrams, words

WORDS = st.lists(st.sampled_from("a b c".split()), max_size=30).map(" ".join)
ITEM = "Ada has 7 apples and gives 3 of them to Ben. How many are left?"


@given(st.dictionaries(st.sampled_from(["x", "y", "z"]), WORDS), WORDS, st.integers(4, 10))
def test_a_text_is_found_exactly_when_it_holds_a_passage(texts, text, n):
    held = set(ngrams(words(text), n))
    whole = " ".join(words(text))
    naive = set()
    for name, other in texts.items():
        tokens = words(other)
        if (len(tokens) >= n and held & set(ngrams(tokens, n))) or (
            8 <= len(tokens) < n and f" {' '.join(tokens)} " in f" {whole} "
        ):
            naive.add(name)
    found = OverlapIndex(texts, n).find(text)
    assert (found is not None) == bool(naive)
    if found is not None:
        assert found[0] in naive
        assert f" {found[1]} " in f" {whole} "


def test_case_punctuation_and_line_ends_do_not_hide_an_item():
    index = OverlapIndex({"item": ITEM}, 13)
    assert index.find(f"PUPIL: {ITEM.upper().replace(' ', '  ')}\n") == (
        "item",
        "ada has 7 apples and gives 3 of them to ben how many",
    )


def test_one_changed_word_in_every_thirteen_is_no_overlap():
    assert OverlapIndex({"item": ITEM}, 13).find(ITEM.replace("apples", "pears")) is None


def test_an_item_of_eight_words_counts_whole_and_a_shorter_one_is_named():
    index = OverlapIndex({"eight": "one two three four five six seven eight", "short": "What is 3 + 4?"}, 13)
    assert index.find("zero one two three four five six seven eight nine") is not None
    assert index.find("one two three four five six seven") is None
    assert index.unchecked == ("short",)


def test_chinese_needs_no_spaces_to_be_recognised():
    index = OverlapIndex({"item": "小明有七个苹果，给了小红三个，还剩几个？"}, 13)
    found = index.find("老师：小明有七个苹果，给了小红三个。")
    assert found is not None
    assert found[0] == "item"
