"""What happens to rows longer than max_length, by the recipe's policy; what is lost is counted (refusal 2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from danlu.data.render import render
from danlu.data.row import Message, Row
from danlu.data.wording import PROMPTS
from danlu.errors import Refusal
from danlu.recipe.data import Data, Overlong
from danlu.tokens import Rendered, Renderer

Cut = tuple[list[Rendered], int]  # documents that fit, tokens lost


@dataclass(frozen=True, slots=True)
class Fitted:
    """Documents of one row that fit; tokens lost on the way; tokens of its longest document before."""

    documents: list[Rendered]
    lost: int
    longest: int


def fit(row: Row, data: Data, renderer: Renderer) -> Fitted:
    """The row's documents, none longer than data.max_length.

    Raises Refusal 2 where the policy is `error`, Refusal 1 where nothing supervised would be left in a document.
    """
    rendered = render(row, renderer)
    longest = _longest(rendered)
    documents, lost = rendered, 0
    if longest > data.max_length:
        documents, lost = _POLICIES[data.overlong](row, rendered, data.max_length, renderer)
    for document in documents:
        if not any(document.mask[1:]):  # nothing stands before the first token to predict it from
            raise Refusal(1, f"{row.where}: no supervised token in {len(document.ids)} tokens. Remove the row.")
    return Fitted(documents, lost, longest)


def check_lost(lost: Mapping[str, int], kept: Mapping[str, int], data: Data, longest: int) -> None:
    """Refusal 2 when the policy loses a larger share of the tokens than the recipe allows. By source: tokens."""
    share = sum(lost.values()) / max(sum(lost.values()) + sum(kept.values()), 1)
    if share > data.max_lost_tokens:
        told = ", ".join(f"{name} {count:,} of {count + kept.get(name, 0):,}" for name, count in lost.items() if count)
        raise Refusal(
            2,
            f"data.overlong={data.overlong} loses {share:.1%} of the tokens ({told}), more than data.max_lost_tokens "
            f"allows ({data.max_lost_tokens:.1%}). The longest row has {longest:,} tokens, data.max_length is "
            f"{data.max_length:,}. Raise data.max_length, choose another data.overlong, or raise "
            "data.max_lost_tokens.",
        )


def _drop(row: Row, rendered: Sequence[Rendered], limit: int, renderer: Renderer) -> Cut:  # noqa: ARG001
    kept = [document for document in rendered if len(document.ids) <= limit]
    return kept, sum(len(document.ids) for document in rendered if len(document.ids) > limit)


def _truncate_left(row: Row, rendered: Sequence[Rendered], limit: int, renderer: Renderer) -> Cut:  # noqa: ARG001
    """The end is kept, for there the last reply stands."""
    lost = sum(max(len(document.ids) - limit, 0) for document in rendered)
    return [Rendered(document.ids[-limit:], document.mask[-limit:]) for document in rendered], lost


def _refuse(row: Row, rendered: Sequence[Rendered], limit: int, renderer: Renderer) -> Cut:  # noqa: ARG001
    raise Refusal(
        2,
        f"{row.where}: {_longest(rendered):,} tokens, but data.max_length is {limit:,} and data.overlong is error. "
        "Shorten the row, raise data.max_length, or choose drop, split or truncate-left.",
    )


def _split(row: Row, rendered: Sequence[Rendered], limit: int, renderer: Renderer) -> Cut:
    """A text in parts of nearly equal length; a dialogue between exchanges, each part under the system prompt.

    An exchange that is too long alone is lost.
    """
    if row.text is not None:
        return _parts(rendered[0], limit), 0
    head = [message for message in row.messages if message["role"] in PROMPTS]
    documents: list[Rendered] = []
    lost = 0
    part: list[Message] = []
    fitting: list[Rendered] = []
    for exchange in _exchanges(row.messages):
        longer = render(replace(row, messages=(*head, *part, *exchange)), renderer)
        if part and _longest(longer) > limit:
            documents += fitting
            part, longer = [], render(replace(row, messages=(*head, *exchange)), renderer)
        if _longest(longer) > limit:
            lost += sum(len(document.ids) for document in longer)
            part, fitting = [], []
        else:
            part, fitting = [*part, *exchange], longer
    return [*documents, *fitting], lost


def _parts(document: Rendered, limit: int) -> list[Rendered]:
    """Nearly equal, because a last part of one token would teach nothing."""
    total = len(document.ids)
    number = -(-total // limit)
    cuts = [total * k // number for k in range(number + 1)]
    return [Rendered(document.ids[a:b], document.mask[a:b]) for a, b in pairwise(cuts)]


def _exchanges(messages: Sequence[Message]) -> list[list[Message]]:
    """From one user turn up to the next: a tool's answers stay with the call."""
    found: list[list[Message]] = []
    for message in messages:
        if message["role"] in PROMPTS:
            continue
        if message["role"] == "user" or not found:
            found.append([])
        found[-1].append(message)
    return found


def _longest(documents: Sequence[Rendered]) -> int:
    return max(len(document.ids) for document in documents)


_POLICIES: Mapping[Overlong, Callable[[Row, Sequence[Rendered], int, Renderer], Cut]] = {
    "drop": _drop,
    "split": _split,
    "truncate-left": _truncate_left,
    "error": _refuse,
}
