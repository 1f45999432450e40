"""The n-gram model over bytes: a distribution, equal to a slow reference written from the formulas, and strong."""

import math
from collections import Counter, defaultdict

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from danlu.data import general
from danlu.evaluation import ngram

DOCUMENTS = st.lists(st.text("abc ", min_size=1, max_size=20).map(str.encode), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def english():
    """Training and held-out texts of danlu's own generator of instructions."""
    rows = [row.content.encode() for row in general.rows(700, 0, "general")]
    return rows[50:], rows[:50]


@pytest.mark.parametrize("order", [1, 2, 5])
@pytest.mark.parametrize("context", [b"", b"t", b"the ", b"\xff\xfe never seen"])
def test_the_probabilities_of_all_bytes_sum_to_one(english, order, context):
    every = [context + bytes([byte]) for byte in range(256)]
    last = [float(found[-1]) for found in ngram.bits(english[0][:40], every, order)]
    assert sum(2**-bits for bits in last) == pytest.approx(1, abs=1e-9)


class Reference:
    """Chen & Goodman's interpolated modified Kneser-Ney in dictionaries."""

    def __init__(self, training, order):
        self.order, self.tables = order, []
        padded = [(256,) * order + tuple(document) for document in training]
        for n in range(1, order + 1):
            grams = [t[i - n + 1 : i + 1] for t in padded for i in range(order, len(t))]
            counts = Counter(grams)
            if n < order:
                ways = defaultdict(set)
                for text in padded:
                    for i in range(order, len(text)):
                        ways[text[i - n + 1 : i + 1]].add(text[i - n])
                counts = {g: c if g[0] == 256 else len(ways[g]) for g, c in counts.items()}
            self.tables.append(counts)

    def probability(self, text, place):
        found = 1 / 256
        for n, counts in enumerate(self.tables, start=1):
            own = [list(counts.values()).count(k) for k in (1, 2, 3, 4)]
            discounts = [0.0, 0.5, 0.5, 0.5]
            if all(own):
                y = own[0] / (own[0] + 2 * own[1])
                formulas = [k - (k + 1) * y * own[k] / own[k - 1] for k in (1, 2, 3)]
                discounts[1:] = [d if d > 0 else 0.5 for d in formulas]
            context = text[place - n + 1 : place]
            after = {g: c for g, c in counts.items() if g[:-1] == context}
            if after:
                left = sum(discounts[min(c, 3)] for c in after.values())
                count = after.get((*context, text[place]), 0)
                found = (count - discounts[min(count, 3)] + left * found) / sum(after.values())
        return found


@settings(deadline=None, max_examples=40)
@given(DOCUMENTS, DOCUMENTS, st.integers(1, 4))
def test_it_is_modified_kneser_ney_to_the_last_digits(training, documents, order):
    reference = Reference(training, order)
    for document, found in zip(documents, ngram.bits(training, documents, order), strict=True):
        text = (256,) * order + tuple(document)
        wanted = [-math.log2(reference.probability(text, order + i)) for i in range(len(document))]
        assert np.allclose(found, wanted, rtol=1e-9)


def test_it_beats_zstd_on_english(english):
    training, documents = english
    order = ngram.best_order(training[40:], training[:40])
    size = sum(map(len, documents))
    codec = pa.Codec("zstd", compression_level=19)
    known = b"".join(training)
    zstd = 8 * (codec.compress(known + b"".join(documents)).size - codec.compress(known).size) / size
    assert sum(found.sum() for found in ngram.bits(training, documents, order)) / size < 0.9 * zstd


def test_the_order_is_the_one_with_the_fewest_bits_on_validation_text():
    texts = [item["text"].encode() for item in general.texts(60, 0)]
    training, documents = texts[10:], texts[:10]
    chosen = ngram.best_order(training, documents)
    bits = {n: sum(found.sum() for found in ngram.bits(training, documents, n)) for n in (chosen - 1, chosen + 1)}
    best = sum(found.sum() for found in ngram.bits(training, documents, chosen))
    assert 2 < chosen < ngram.MAX_ORDER
    assert best < min(bits.values())


def test_a_document_does_not_depend_on_those_beside_it(english):
    training, documents = english
    together = ngram.bits(training, documents[:3], 4)
    for alone, found in zip(documents[:3], together, strict=True):
        assert np.array_equal(ngram.bits(training, [alone], 4)[0], found)
