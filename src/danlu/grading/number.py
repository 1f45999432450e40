"""Numbers in replies: the final one is right, and none is given away."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from danlu.grading.mark import Mark, Reply, Verifier
from danlu.text.numbers import numbers_in

# A minus belongs to a number unless another number or a word ends before it: "12 - 5" and "12-5" state 12 and 5.
_STATED = re.compile(
    r"(?P<minus>(?<![\w.)\]])(?<![\d)\]]\s)[-−])?[$€£¥]?"
    r"(?P<digits>\d+(?:,\d{3})+(?:\.\d+)?|\d+/\d+|\d*\.\d+|\d+)"
)
_TOLERANCE = 1e-6  # relative: what is lost in writing a number down


def last_number(text: str) -> float | None:
    """The last number that a text states: in digits, else in words ("Nice one!" after a result states nothing).

    Currency signs, %, thousands separators, a minus sign and simple fractions are understood.
    """
    last = None
    for last in _STATED.finditer(text):  # noqa: B007  the last one is what is wanted
        pass
    if last is not None:
        value = _value(last["digits"])
        return -value if last["minus"] else value
    said = numbers_in(text)
    return said[-1] if said else None


def _value(digits: str) -> float:
    numerator, _, denominator = digits.partition("/")
    if denominator and float(denominator):
        return float(numerator) / float(denominator)
    return float(numerator.replace(",", ""))


def _same(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)


def final_number(answer: float) -> Verifier:
    """The last number stated equals the answer."""

    def mark(reply: Reply) -> Mark:
        stated = last_number(reply.text)
        if stated is None:
            return Mark(False, f"states no number; the answer is {answer:g}")
        if _same(stated, answer):
            return Mark(True, f"states {answer:g}")
        return Mark(False, f"states {stated:g} at the end; the answer is {answer:g}")

    return mark


def gives_nothing_away(forbidden: Sequence[float]) -> Verifier:
    """None of the forbidden numbers is stated, in digits or in words."""

    def mark(reply: Reply) -> Mark:
        stated = numbers_in(reply.text)
        given = next((number for number in forbidden if any(_same(number, s) for s in stated)), None)
        return Mark(True, "gives nothing away") if given is None else Mark(False, f"gives {given:g} away")

    return mark


# "2. Add", "step 2", "1/5 of it"
_LABEL = re.compile(r"^\s*\d+[.)]\s|\bstep\s+\d+|\d+/\d+", re.IGNORECASE | re.MULTILINE)
_CLAIM = re.compile(r"\banswer(?:\s+is|:|\s*=)\W*(\d[\d.,]*)", re.IGNORECASE)


def states_no_result(given: str) -> Verifier:
    """No answer is claimed, and every number in digits stands in what was given: any other is a result, right or wrong.

    Fractions and numbers in words are left alone ("how big is 1/5", "find one share", "the two sides").
    """
    known = numbers_in(given)

    def mark(reply: Reply) -> Mark:
        if claim := _CLAIM.search(reply.text):
            return Mark(False, f"claims that the answer is {claim[1].rstrip('.,')}")
        stated = [_value(found["digits"]) for found in _STATED.finditer(_LABEL.sub(" ", reply.text))]
        new = next((number for number in stated if not any(_same(number, k) for k in known)), None)
        return Mark(True, "states no result") if new is None else Mark(False, f"states the result {new:g}")

    return mark
