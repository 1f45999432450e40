"""How varied the training rows are, and how near the held-out items stand to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from danlu.data.row import Row
from danlu.text.diversity import distinct, nearest, ngram_set
from danlu.text.overlap import OverlapIndex

_NEAR = 4  # words: short enough to see borrowed phrases, long enough not to count grammar
_COPY = 13  # words: an exact copy (Brown et al. 2020)


def diversity(rows: Sequence[Row], items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """distinct-4 of the rows; for each item the largest share of its word 4-grams that a single row holds.

    System prompts are left out of both: all share one. `copies` names the items that have 13 words in a row in common
    with a training row: it should be empty.
    """
    said = [_said(row.messages) for row in rows]
    corpus = [ngram_set(text, _NEAR) for text in said]
    texts = {item["item_id"]: _said(item["closing"]["messages"]) for item in items}
    shares = {item_id: nearest(text, corpus, _NEAR) for item_id, text in texts.items()}
    index = OverlapIndex(texts, _COPY)
    copies = {found[0] for text in said if (found := index.find(text))}
    return {
        "distinct_4": distinct(said, _NEAR),
        "nearest": shares,
        "mean_nearest": sum(shares.values()) / len(shares) if shares else 0.0,
        "max_nearest": max(shares.values(), default=0.0),
        "copies": sorted(copies),
    }


def _said(messages: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(message["content"] for message in messages if message["role"] != "system")
