"""Bits per byte of whole documents: what a model of text needs to write them down, whatever its tokens are.

A document's bits are summed over its tokens, its bytes are those of its UTF-8 text; the token that ends a document is
not counted, for any model. A document longer than the model's context is scored in windows of the whole context: each
but the first scores its second half after its first, so every token is scored once, and none with less than half a
context before it that the document has.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from danlu.errors import DataError
from danlu.evaluation import loss
from danlu.evaluation.loss import Piece

if TYPE_CHECKING:
    from danlu.generation import Generator
    from danlu.tokens import Renderer, Tokenizer

Item = Mapping[str, Any]


def measure(generator: Generator, renderer: Renderer, items: Sequence[Item], emit: loss.Emit) -> list[dict[str, Any]]:
    """A record for each document: its bits, bytes, tokens, and the windows that it took."""
    cut = [list(windows(loss.whole(renderer.tokenizer, item), generator.max_positions)) for item in items]
    records = []
    for item, own, scored in zip(items, cut, loss.measure(generator, items, cut, emit), strict=True):
        records.append(
            {
                "item_id": item["item_id"],
                "cluster": item["cluster"],
                "bits": -scored["logprob"] / math.log(2),
                "bytes": len(item["text"].encode()),
                "num_tokens": scored["num_tokens"],
                "windows": len(own),
            }
        )
    return records


def windows(piece: Piece, max_positions: int) -> Iterator[Piece]:
    """A document in windows that the model can hold; its predicted ids, taken together, are the document's."""
    seen, predicted = piece
    ids = [*seen, *predicted]
    start, end = len(seen), min(len(ids), max_positions)
    yield seen, ids[start:end]
    stride = max_positions // 2
    while end < len(ids):
        start, end = end, min(end + stride, len(ids))
        yield ids[start - (max_positions - stride) : start], ids[start:end]


def check(tokenizer: Tokenizer, item: Item) -> None:
    """Raises DataError for a document that the tokenizer does not give back as it was: its bits would be another's."""
    _, ids = loss.whole(tokenizer, item)
    if tokenizer.decode(ids, skip_special=False) != item["text"]:
        raise DataError(
            "the tokenizer does not give this text back as it was (it changes or drops characters), so bits per byte "
            "would be those of another text. Use a base with a byte-level tokenizer, or clean the text."
        )
