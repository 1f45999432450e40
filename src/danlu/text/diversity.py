"""How much texts repeat themselves, and how near a text stands to what a corpus says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from danlu.text.minhash import Shingles
from danlu.text.words import ngrams, words

NgramSet = frozenset[tuple[str, ...]]


def distinct(texts: Iterable[str], n: int) -> float:
    """distinct-n (Li et al. 2016, arXiv 1510.03055): unique word n-grams over all word n-grams; 0 if there are none."""
    shingles = Shingles(n)
    long_enough = (tokens for tokens in map(words, texts) if len(tokens) >= n)
    hashes = [shingles.sequence(tokens) for tokens in long_enough]
    return len(np.unique(np.concatenate(hashes))) / sum(map(len, hashes)) if hashes else 0.0


def ngram_set(text: str, n: int) -> NgramSet:
    """The word n-grams of a text."""
    return frozenset(ngrams(words(text), n))


def nearest(text: str, corpus: Sequence[NgramSet], n: int) -> float:
    """Largest share of the text's distinct word n-grams that one text of the corpus holds; 0 if it has none.

    corpus: `ngram_set` of each text, of the same n.
    """
    own = ngram_set(text, n)
    return max((len(own & other) for other in corpus), default=0) / len(own) if own else 0.0
