"""Log-loss of given words: the reference replies of held-out rows, and general text. In nats per token."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from danlu.errors import DataError

if TYPE_CHECKING:
    from danlu.generation import Generator
    from danlu.tokens import Renderer, Tokenizer

Item = Mapping[str, Any]
Piece = tuple[list[int], list[int]]  # ids that are seen, ids to predict after them
Emit = Callable[[str, Mapping[str, object]], None]


def measure(
    generator: Generator, items: Sequence[Item], pieces: Sequence[Sequence[Piece]], emit: Emit
) -> list[dict[str, Any]]:
    """A record for each item: log-probability, tokens, and loss per token over all of its pieces."""
    flat = [(seen, [predicted]) for own in pieces for seen, predicted in own if predicted]
    scored = iter(generator.score(flat, emit))
    records = []
    for item, own in zip(items, pieces, strict=True):
        parts = [next(scored)[0] for _, predicted in own if predicted]
        logprob, num_tokens = sum(p.logprob for p in parts), sum(p.num_tokens for p in parts)
        if not num_tokens:
            raise DataError(f"evaluation: {item['item_id']} has no token to predict. Remove it.")
        named = {"item_id": item["item_id"], "cluster": item["cluster"]}
        records.append(named | {"logprob": logprob, "num_tokens": num_tokens, "loss": -logprob / num_tokens})
    return records


def pieces(renderer: Renderer, item: Item) -> list[Piece]:
    """What training would supervise of a held-out row: each assistant's turn after all that stands before it."""
    if "messages" not in item:
        return [whole(renderer.tokenizer, item)]
    found: list[Piece] = []
    for row in renderer.train_rows(item["messages"], item.get("tools")):
        start = 0
        for supervised, run in groupby(row.mask):
            end = start + len(list(run))
            if supervised:
                found.append((row.ids[:start], row.ids[start:end]))
            start = end
    return found


def whole(tokenizer: Tokenizer, item: Item) -> Piece:
    """A whole text, after the token that begins texts (else the one that ends them; else its own first token)."""
    if spelt := tokenizer.spelt_special(item["text"]):
        raise DataError(f"evaluation: {item['item_id']} spells the control token {spelt!r}. Remove it from the text.")
    ids = tokenizer.encode(item["text"])
    start = tokenizer.begin_id
    return (ids[:1], ids[1:]) if start is None else ([start], ids)
