"""What counts as a word."""

from danlu.text.words import ngrams, words


def test_words_are_lower_case_runs_and_each_unspaced_character_is_one():
    assert words("It's 3,5 km to 丹炉 v2 — 안녕 세상!") == [
        "it",
        "s",
        "3",
        "5",
        "km",
        "to",
        "丹",
        "炉",
        "v2",
        "안녕",
        "세상",
    ]


def test_ngrams_are_every_run_of_neighbours():
    assert list(ngrams("a b c".split(), 2)) == [("a", "b"), ("b", "c")]
    assert list(ngrams(["a"], 2)) == []
