"""A maths problem that carries its own solution, so that every dialogue about it is right by construction.

A family is a pure function from a random generator to a `Story`. `draw` turns a family into a
`TutorProblem`, and draws again until nothing in the problem or before its last step states a result.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from danlu.text.numbers import numbers_in

Operator = Literal["+", "-", "×", "÷"]


@dataclass(frozen=True, slots=True)
class Step:
    """One calculation on the way: what it finds, how, and how a tutor leads to it.

    goal: a noun phrase, "the price of all the tickets"; ask: a question that leads there; hint: one
    sentence that says what kind of calculation it is, without a result.
    """

    goal: str
    terms: tuple[int, ...]
    operator: Operator
    ask: str = ""
    hint: str = ""

    @property
    def value(self) -> int:
        """The result."""
        if self.operator == "+":
            return sum(self.terms)
        if self.operator == "-":
            return self.terms[0] - sum(self.terms[1:])
        if self.operator == "×":
            return math.prod(self.terms)
        divisor = math.prod(self.terms[1:])
        assert self.terms[0] % divisor == 0, f"{self.calculation} has a remainder"
        return self.terms[0] // divisor

    @property
    def calculation(self) -> str:
        """As a tutor writes it: "6 × 7"."""
        return f" {self.operator} ".join(map(str, self.terms))

    def slips(self) -> list[tuple[str, int]]:
        """Plausible wrong attempts: another operation on the same numbers, as (calculation, result)."""
        first, second = self.terms[0], self.terms[-1]
        large, small = max(first, second), min(first, second)
        attempts = {
            "+": [("-", large, small, large - small)],
            "-": [("+", first, second, first + second)],
            "×": [("+", first, second, first + second)],
            "÷": [("-", large, small, large - small), ("+", first, second, first + second)],
        }[self.operator]
        return [(f"{a} {op} {b}", result) for op, a, b, result in attempts]


def plus(goal: str, *terms: int, ask: str = "", hint: str = "") -> Step:
    """A sum."""
    return Step(goal, terms, "+", ask, hint)


def minus(goal: str, *terms: int, ask: str = "", hint: str = "") -> Step:
    """A difference."""
    return Step(goal, terms, "-", ask, hint)


def times(goal: str, *terms: int, ask: str = "", hint: str = "") -> Step:
    """A product."""
    return Step(goal, terms, "×", ask, hint)


def over(goal: str, *terms: int, ask: str = "", hint: str = "") -> Step:
    """A quotient without remainder."""
    return Step(goal, terms, "÷", ask, hint)


@dataclass(frozen=True, slots=True)
class Story:
    """What a family draws. `conclusion` ends the last step: "so {conclusion}."; its last number is the answer."""

    text: str
    steps: tuple[Step, ...]
    conclusion: str


@dataclass(frozen=True, slots=True)
class TutorProblem:
    """A problem with its ordered steps. `answer` is the last step's value."""

    family: str
    text: str
    steps: tuple[Step, ...]
    conclusion: str

    @property
    def answer(self) -> int:
        """The last result."""
        return self.steps[-1].value

    @property
    def forbidden(self) -> tuple[int, ...]:
        """Every result, in order: none may be stated before the pupil has found it."""
        return tuple(step.value for step in self.steps)

    def leaks(self) -> str | None:
        """Why a tutor could not speak about this problem without giving something away; None when fine."""
        values = self.forbidden
        if len(set(values)) < len(values) or min(values) < 1:
            return "two steps have the same result"
        if set(numbers_in(self.text)) & set(values):
            return "the text states a result"
        for position, step in enumerate(self.steps):
            said = {*numbers_in(f"{step.goal} {step.ask} {step.hint}"), *step.terms}
            if said & set(values[position:]):
                return f"step {position + 1} states a result that is still to be found"
        stated = re.findall(r"\d+", self.conclusion)
        if not stated or int(stated[-1]) != self.answer:
            return "the conclusion does not end with the answer"
        return None


Family = Callable[[random.Random], Story]


def draw(name: str, family: Family, rng: random.Random) -> TutorProblem:
    """Draw from a family until nothing is given away; a family that never manages is a bug."""
    reason: str | None = None
    for _ in range(200):
        story = family(rng)
        problem = TutorProblem(name, story.text, story.steps, story.conclusion)
        reason = problem.leaks()
        if reason is None:
            return problem
    raise AssertionError(f"family {name}: {reason}")
