"""GSM8K's test problems as scenario items: maths by another hand, with scripted pupils.

Source: Cobbe et al. 2021, arXiv 2110.14168. A row is {"question", "answer"}; the answer's worked steps carry their
calculations as <<48/2=24>>, and its last line is "#### 24". The user gives the file; danlu carries none of it.
"""

from __future__ import annotations

import ast
import json
import math
import operator
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from danlu.data.tutor.dialogue import SYSTEM
from danlu.errors import DataError
from danlu.text.numbers import numbers_in

_STEP = re.compile(r"<<([^<>=]+)=([^<>=]+)>>")
_PLAIN = re.compile(r"[\d.+\-*/() ]+")
_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_MOST_STEPS = 6  # longer histories would not fit a small model's context with two examples before them

_BEGIN = ("Which quantity could you determine at the start?", "What can be worked out from the facts at hand?")
_ON = ("What follows from that?", "Which quantity comes after it?", "How does that bring you further?")
_RESULT = ("{calc} gives {value}.", "I worked out {calc} = {value}.", "From {calc} I have {value}.")
_AGREE = ("Indeed, {calc} = {value}.", "I agree: {calc} = {value}.", "True, {calc} = {value}.")
_LAST = (
    "All that remains is {calc}, isn't it?",
    "My last step would be {calc}.",
    "Should I finish with {calc}?",
    "Would {calc} finish it?",
)


@dataclass(frozen=True, slots=True)
class _Worked:
    """A row: its question, (calculation, result) of each step, and the final answer."""

    question: str
    steps: tuple[tuple[str, float], ...]
    answer: float

    @property
    def usable(self) -> bool:
        """Whether a pupil can come within one step of the answer without anyone stating it."""
        if not 1 <= len(self.steps) <= _MOST_STEPS or not _same(self.steps[-1][1], self.answer):
            return False
        if not all(_right(calculation, result) for calculation, result in self.steps):
            return False
        said = [self.question, *(f"{calculation} {_plain(result)}" for calculation, result in self.steps[:-1])]
        stated = numbers_in(" ".join([*said, self.steps[-1][0]]))
        return not any(_same(number, self.answer) for number in stated)

    @property
    def forbidden(self) -> list[float]:
        """The results that the question does not state; without 1 before the end, since "one" is also a pronoun."""
        known = numbers_in(self.question)
        hidden = [result for _, result in self.steps[:-1] if result != 1 and not any(_same(result, k) for k in known)]
        return list(dict.fromkeys([*hidden, self.answer]))


def gsm8k(path: Path, count: int, seed: int) -> list[dict[str, Any]]:
    """Up to `count` items, a seeded choice among the rows whose pupil can be scripted; each its own cluster.

    Raises DataError for a file that is missing or empty, and for a row that is not GSM8K's, with its line.
    """
    if not path.is_file():
        raise DataError(f"{path}: there is no such file. Set evaluation.scenario.gsm8k to GSM8K's test.jsonl.")
    lines = path.read_text("utf-8").splitlines()
    rows = [(number, _parse(line, f"{path}:{number}")) for number, line in enumerate(lines, 1) if line.strip()]
    usable = [(number, row) for number, row in rows if row.usable]
    if not usable:
        raise DataError(f"{path}: holds no problem that a scripted pupil could be led through.")
    chosen = random.Random(f"gsm8k:{seed}").sample(usable, min(count, len(usable)))
    return [_item(f"gsm8k:{number}", row, random.Random(f"gsm8k:{seed}:{number}")) for number, row in chosen]


def _item(item_id: str, row: _Worked, rng: random.Random) -> dict[str, Any]:
    first = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": row.question}]
    closing = [*first, {"role": "assistant", "content": rng.choice(_BEGIN)}]
    for calculation, result in row.steps[:-1]:
        said = {"calc": _spaced(calculation), "value": _plain(result)}
        closing.append({"role": "user", "content": rng.choice(_RESULT).format(**said)})
        agree = f"{rng.choice(_AGREE).format(**said)} {rng.choice(_ON)}"
        closing.append({"role": "assistant", "content": agree})
    closing.append({"role": "user", "content": rng.choice(_LAST).format(calc=_spaced(row.steps[-1][0]))})
    return {
        "item_id": item_id,
        "cluster": item_id,
        "problem": row.question,
        "answer": _number(row.answer),
        "forbidden": [_number(value) for value in row.forbidden],
        "first": {"messages": first},
        "closing": {"messages": closing},
        "steps": [f"{_spaced(calculation)} = {_plain(result)}" for calculation, result in row.steps],
    }


def _parse(line: str, where: str) -> _Worked:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(f"{where}: is not JSON ({error.msg}, column {error.colno}).") from None
    if not isinstance(row, dict) or not all(isinstance(row.get(key), str) for key in ("question", "answer")):
        raise DataError(f"{where}: a row of GSM8K has the texts 'question' and 'answer'.")
    body, mark, final = row["answer"].rpartition("####")
    stated = re.fullmatch(r"\s*(-?[\d,]*\.?\d+)\s*", final)
    if not mark or stated is None:
        raise DataError(f"{where}: 'answer' must end with a line '#### NUMBER'.")
    steps = []
    for calculation, result in _STEP.findall(body):
        value = _evaluate(result)
        steps.append((calculation.strip(), math.nan if value is None else value))  # nan: not usable, nobody's fault
    return _Worked(row["question"], tuple(steps), float(stated[1].replace(",", "")))


def _evaluate(text: str) -> float | None:
    """The value of plain arithmetic; None for anything else."""
    if not _PLAIN.fullmatch(text):
        return None
    try:
        return _value(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError):
        return None


def _value(node: ast.expr) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_value(node.left), _value(node.right))
    raise ValueError("not plain arithmetic")


def _right(calculation: str, result: float) -> bool:
    value = _evaluate(calculation)
    return value is not None and _same(value, result)


def _same(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-9)


def _spaced(calculation: str) -> str:
    """ "48/2" as a tutor writes it: "48 ÷ 2"."""
    spaced = re.sub(r"\s*([+\-*/])\s*", r" \1 ", calculation).strip()
    return spaced.replace("*", "×").replace("/", "÷")


def _number(value: float) -> int | float:
    return int(value) if value == int(value) else value


def _plain(value: float) -> str:
    return str(_number(value)) if math.isfinite(value) else "?"
