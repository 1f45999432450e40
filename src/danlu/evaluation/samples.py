"""A few items side by side, so that a reader sees what the figures stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from danlu.evaluation.tutor import TURNS

_ITEMS = 3
Records = Sequence[Mapping[str, Any]]


def choose(items: Records, base: Records, few_shot: Records | None, tuned: Records) -> list[dict[str, Any]]:
    """Samples of {item_id, prompt, replies: {arm: text}, marks: {arm: {verifier: mark}}}.

    Of the tutor scenario: two replies each of the first item that the tuned model does better on, the first that it
    does no better on, and the first that is left. Of held-out rows: those for which replies were generated.
    """
    arms = {"base": base, **({"few_shot": few_shot} if few_shot else {}), "tuned": tuned}
    if "scores" not in tuned[0]:
        return [_held_out(items[n], arms, n) for n, record in enumerate(tuned) if "reply" in record]
    gains = [b["scores"]["success"] - a["scores"]["success"] for a, b in zip(base, tuned, strict=True)]
    won = [n for n, gain in enumerate(gains) if gain > 0]
    not_won = [n for n, gain in enumerate(gains) if gain <= 0]
    order = dict.fromkeys([*won[:1], *not_won[:1], *range(len(items))])
    return [_turn(items[n], arms, n, turn) for n in list(order)[:_ITEMS] for turn in TURNS]


def _turn(item: Mapping[str, Any], arms: Mapping[str, Records], number: int, turn: str) -> dict[str, Any]:
    return {
        "item_id": item["item_id"],
        "turn": turn,
        "prompt": _transcript(item[turn]["messages"]),
        "replies": {arm: records[number]["replies"][turn]["text"] for arm, records in arms.items()},
        "marks": {arm: records[number]["marks"][turn] for arm, records in arms.items()},
    }


def _held_out(item: Mapping[str, Any], arms: Mapping[str, Records], number: int) -> dict[str, Any]:
    reference = {"reference": item["messages"][-1]["content"]}
    return {
        "item_id": item["item_id"],
        "turn": "reply",
        "prompt": _transcript(item["messages"][:-1]),
        "replies": reference | {arm: records[number].get("reply", "") for arm, records in arms.items()},
        "marks": {},
    }


def _transcript(messages: Sequence[Mapping[str, Any]]) -> str:
    """The dialogue without its system prompt, a line a turn."""
    names = {"user": "User", "assistant": "Assistant", "tool": "Tool"}
    return "\n".join(f"{names[m['role']]}: {m.get('content') or ''}".rstrip() for m in messages if m["role"] in names)
