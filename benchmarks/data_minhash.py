"""Near-copies: danlu's buckets with verification against comparing all pairs, on rows with planted copies.

Both decide by the exact Jaccard similarity of word 5-grams, so they should remove the same rows; all pairs are the
truth.

    python benchmarks/data_minhash.py [--quick] [--json]
"""

import argparse
import json
import random
import time

from danlu.text.minhash import NearCopies
from danlu.text.words import ngrams, words

NGRAM, THRESHOLD = 5, 0.8


def texts(count):
    """Rows of 40 to 120 words, every fourth one an earlier row with some words changed."""
    rng = random.Random(0)
    vocabulary = [f"word{n}" for n in range(5000)]
    made = []
    for number in range(count):
        if number % 4 == 3:
            tokens = made[rng.randrange(number)].split()
            for _ in range(rng.randint(0, 3)):
                tokens[rng.randrange(len(tokens))] = rng.choice(vocabulary)
        else:
            tokens = rng.choices(vocabulary, k=rng.randint(40, 120))
        made.append(" ".join(tokens))
    return made


def by_buckets(rows):
    index = NearCopies(ngram=NGRAM, permutations=128, threshold=THRESHOLD)
    return {number for number, text in enumerate(rows) if index.find_or_add(words(text)) is not None}


def by_all_pairs(rows):
    kept, removed = [], set()
    for number, text in enumerate(rows):
        own = frozenset(ngrams(words(text), NGRAM))
        if any(len(own & other) >= THRESHOLD * len(own | other) for other in kept):
            removed.add(number)
        else:
            kept.append(own)
    return removed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="1,500 rows instead of 6,000")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = texts(1500 if options.quick else 6000)
    removed, rates = {}, {}
    for name, find in {"danlu": by_buckets, "all pairs": by_all_pairs}.items():
        began = time.process_time()
        removed[name] = find(rows)
        rates[name] = len(rows) * 60 / (time.process_time() - began)
    result = {
        "name": "data_minhash",
        "ratios": {"rows_per_cpu_minute": rates["danlu"] / rates["all pairs"]},
        "same_work": len(removed["danlu"] ^ removed["all pairs"]) <= 0.01 * len(removed["all pairs"]),
        "peers": {n: {"rows_per_cpu_minute": rates[n], "rows_removed": len(removed[n])} for n in rates},
        "rows": len(rows),
        "differing_decisions": len(removed["danlu"] ^ removed["all pairs"]),
    }
    if options.json:
        print(json.dumps(result))
        return
    for name, peer in result["peers"].items():
        print(f"{name:>10}: {peer['rows_per_cpu_minute']:9,.0f} rows per CPU-minute, {peer['rows_removed']} removed")
    print(f"{'ratio':>10}: {result['ratios']['rows_per_cpu_minute']:9.1f}, {result['differing_decisions']} rows differ")


if __name__ == "__main__":
    main()
