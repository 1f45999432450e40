"""How pupils write mathematics, and which mistakes they make."""

from __future__ import annotations

import random

from danlu.data.tutor.problem import Step

_SIGNS = {
    "+": ("+", "+", "plus"),
    "-": ("-", "-", "minus"),
    "×": ("×", "x", "*", "times"),
    "÷": ("÷", "/", "divided by"),
}
DOING = {"+": "adding", "-": "subtracting", "×": "multiplying", "÷": "dividing"}


def listed(numbers: tuple[int, ...]) -> str:
    """ "6 and 7", "6, 7 and 8"."""
    return f"{', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"


def written(calculation: str, operator: str, rng: random.Random) -> str:
    """The calculation with a sign that a pupil would type."""
    return calculation.replace(f" {operator} ", f" {rng.choice(_SIGNS[operator])} ")


def worded(step: Step) -> str:
    """The calculation as an instruction: "take 7 away from 50"."""
    first, second = step.terms[0], step.terms[-1]
    return {
        "+": f"add {listed(step.terms)}",
        "-": f"take {second} away from {first}",
        "×": f"multiply {first} by {second}",
        "÷": f"divide {first} by {second}",
    }[step.operator]


def wrong_operation(step: Step, avoid: set[int], rng: random.Random) -> tuple[str, str, int] | None:
    """(operator, calculation, result) of another operation on the same numbers; None where each tells a secret."""
    if len(step.terms) != 2 or step.terms[0] == step.terms[1]:
        return None
    fine = [(calculation, result) for calculation, result in step.slips() if result > 0 and result not in avoid]
    if not fine:
        return None
    calculation, result = rng.choice(fine)
    return calculation.split()[1], calculation, result


def wrong_result(step: Step, avoid: set[int], rng: random.Random) -> int | None:
    """A near miss: a neighbour in the table, a carry forgotten, or one off."""
    near = {"×": step.terms[-1], "÷": 1, "+": 10, "-": 10}[step.operator]
    misses = [step.value + d for d in (near, -near, 1, -1, 2)]
    fine = [m for m in misses if m > 0 and m not in avoid and m not in step.terms]
    return rng.choice(fine) if fine else None
