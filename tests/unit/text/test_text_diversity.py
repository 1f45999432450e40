"""distinct-n and the nearest text, against counting by hand."""

from hypothesis import given
from hypothesis import strategies as st

from danlu.text.diversity import distinct, nearest, ngram_set
from danlu.text.words import ngrams, words

TEXTS = st.lists(st.lists(st.sampled_from("a b c".split()), max_size=12).map(" ".join), max_size=6)


@given(TEXTS, st.integers(1, 5))
def test_distinct_is_unique_over_all_ngrams(texts, n):
    grams = [gram for text in texts for gram in ngrams(words(text), n)]
    assert distinct(texts, n) == (len(set(grams)) / len(grams) if grams else 0.0)


@given(TEXTS, st.integers(1, 4))
def test_nearest_is_1_exactly_when_one_text_holds_every_ngram(texts, n):
    text = "a b c a"
    share = nearest(text, [ngram_set(other, n) for other in texts], n)
    assert 0 <= share <= 1
    assert (share == 1) == any(ngram_set(text, n) <= ngram_set(other, n) for other in texts)


def test_nearest_is_the_share_of_the_nearest_single_text():
    corpus = [ngram_set("one two three", 2), ngram_set("three four five", 2)]
    assert nearest("one two three four five", corpus, 2) == 0.5
    assert nearest("six", corpus, 2) == 0
