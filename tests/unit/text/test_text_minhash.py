"""Near-copies: estimates near the truth, verified without false alarms, the same in every process."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from danlu.text.minhash import MinHash, NearCopies, Shingles, banding, estimate, jaccard
from danlu.text.words import ngrams, words

ALPHABET = st.sampled_from("one two three four five six seven eight 九 十".split())
TOKENS = st.lists(ALPHABET, max_size=40)


def true_jaccard(left, right, n):
    """Of word n-grams as tuples, without any hash; a text shorter than n words is one n-gram."""
    left, right = (set(ngrams(t, n)) if len(t) >= n else {tuple(t)} - {()} for t in (left, right))
    return len(left & right) / len(left | right) if left | right else 0.0


@given(TOKENS, TOKENS, st.integers(1, 6))
def test_jaccard_of_hashes_is_that_of_the_word_ngrams(left, right, n):
    shingles = Shingles(n)
    assert jaccard(shingles.of(left), shingles.of(right)) == true_jaccard(left, right, n)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8, 0.95])
def test_signatures_estimate_jaccard_within_four_standard_errors(share):
    rng = np.random.default_rng(0)
    permutations, sizes = 1024, 400
    minhash = MinHash(permutations)
    common = round(2 * sizes * share / (1 + share))
    for _ in range(5):
        drawn = rng.integers(0, 2**64, 2 * sizes - common, np.uint64)
        left, right = np.unique(drawn[:sizes]), np.unique(drawn[sizes - common :])
        error = estimate(minhash.signature(left), minhash.signature(right)) - jaccard(left, right)
        assert abs(error) < 4 * 0.5 / permutations**0.5


@settings(max_examples=30)
@given(st.lists(TOKENS, min_size=2, max_size=12), st.sampled_from([0.5, 0.8, 1.0]))
def test_what_is_found_is_a_copy_of_a_kept_text_and_kept_texts_are_none_of_each_other(texts, threshold):
    index = NearCopies(ngram=3, permutations=256, threshold=threshold)
    kept = []
    for text in texts:
        number = index.find_or_add(text)
        if number is None:
            assert all(true_jaccard(text, other, 3) < threshold for other in kept)
            kept.append(text)
        else:
            assert true_jaccard(text, kept[number], 3) >= threshold


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.8, 0.9])
def test_pairs_at_the_threshold_are_found_almost_always(threshold):
    rng = np.random.default_rng(1)
    found = 0
    size = 150
    common = int(np.ceil(2 * size * threshold / (1 + threshold)))
    for trial in range(200):
        names = [f"w{trial}x{i}" for i in rng.permutation(2 * size - common)]
        index = NearCopies(ngram=1, permutations=128, threshold=threshold)
        index.find_or_add(names[:size])
        found += index.find_or_add(names[size - common :]) == 0
    assert found >= 194


def test_bands_fit_the_permutations_and_lengthen_with_the_threshold():
    lengths = []
    for threshold in (0.2, 0.5, 0.8, 0.95):
        bands, length = banding(128, threshold)
        assert bands * length <= 128
        assert 1 - (1 - threshold**length) ** bands >= 0.995
        lengths.append(length)
    assert lengths == sorted(lengths)


def test_texts_without_words_are_no_copies_of_each_other():
    index = NearCopies(ngram=5, permutations=16, threshold=0.8)
    assert [index.find_or_add(words(text)) for text in ("+", "−", "👍")] == [None, None, None]


def test_a_long_text_is_hashed_in_blocks_to_the_same_signature():
    shingles = np.unique(np.random.default_rng(2).integers(0, 2**64, 20_000, np.uint64))
    minhash = MinHash(16)
    whole = minhash.signature(shingles)
    parts = np.minimum(minhash.signature(shingles[:7]), minhash.signature(shingles[7:]))
    assert (whole == parts).all()


def test_signatures_do_not_depend_on_the_process():
    program = (
        "from danlu.text.minhash import MinHash, Shingles\n"
        "print(MinHash(16).signature(Shingles(2).of('the furnace of the 丹 炉'.split())).tolist())"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1
