"""The tutor scenario: two replies an item, each marked by verifiers.

The first reply asks and gives nothing away; the closing reply, one step from the end, states the right number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from danlu import grading
from danlu.grading import Reply, Verifier

Message = Mapping[str, Any]
TURNS = ("first", "closing")
_MAX_WORDS = 80
"""A tutor's turn; two or three sentences."""
_TRADE = (
    "add addition subtract take away multiply times divide share equal sum difference product quotient total amount "
    "number quantity half double twice calculate calculation compute work find solve step first next plan problem "
    "question answer unknown value change increase decrease remain left money cost price pay part whole length "
    "area average discount side both exercise distance height width weight time speed age"
)


def verifiers(item: Mapping[str, Any], turn: str) -> dict[str, Verifier]:
    """What the reply of a turn must pass, by name."""
    messages = item[turn]["messages"]
    subject = f"{item['problem']}\n{messages[-1]['content']}"
    in_role = grading.in_role(subject, _TRADE, _MAX_WORDS)
    if turn == "first":
        return {
            "one_question": grading.one_question,
            "gives_nothing_away": grading.all_of(
                grading.gives_nothing_away(item["forbidden"]), grading.states_no_result(subject)
            ),
            "in_role": in_role,
        }
    return {"final_number": grading.final_number(item["answer"]), "in_role": in_role}


def prompt(item: Mapping[str, Any], turn: str, few_shot: Sequence[Message] = ()) -> list[Message]:
    """The messages of a turn; worked examples stand between the system prompt and the item's own turns."""
    messages: list[Message] = list(item[turn]["messages"])
    system = [m for m in messages[:1] if m["role"] == "system"]
    return [*system, *few_shot, *messages[len(system) :]]


def mark(item: Mapping[str, Any], replies: Mapping[str, Reply]) -> dict[str, Any]:
    """The record of one item: its two replies, every mark, and the scores that compare."""
    marks = {turn: {name: v(replies[turn]) for name, v in verifiers(item, turn).items()} for turn in TURNS}
    passed = {turn: all(m.passed for m in marks[turn].values()) for turn in TURNS}
    return {
        "item_id": item["item_id"],
        "cluster": item["cluster"],
        "replies": {turn: _reply(replies[turn]) for turn in TURNS},
        "marks": {turn: {name: m.to_json() for name, m in marks[turn].items()} for turn in TURNS},
        "correct": passed["first"] and passed["closing"],
        "scores": scores(passed, {turn: {name: m.passed for name, m in marks[turn].items()} for turn in TURNS}),
    }


def scores(passed: Mapping[str, bool], marks: Mapping[str, Mapping[str, bool]]) -> dict[str, float]:
    """Metric → value of one item. `success`, the share of its two replies that pass, is what the verdict rests on."""
    found = {"success": sum(passed.values()) / len(TURNS)}
    for turn in TURNS:
        found[f"{turn}_reply"] = float(passed[turn])
        found |= {f"{turn}_{name}": float(value) for name, value in marks[turn].items()}
    return found


def _reply(reply: Reply) -> dict[str, Any]:
    return {"text": reply.text, "finish_reason": reply.finish_reason}
