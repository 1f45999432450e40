"""A file of published runs, recognised by its header, and what the planner says of every figure in it."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from danlu.compute.estimate import Estimate
from danlu.compute.memory import MEMORY
from danlu.compute.memory import estimate as memory_estimate
from danlu.compute.serving import SERVING, throughput, tpot, ttft
from danlu.compute.step import STEP
from danlu.compute.step import estimate as step_estimate
from danlu.compute.step.tuning import TUNING
from danlu.compute.step.tuning import estimate as tuning_estimate
from danlu.compute.validation import finetune_rows, latency_rows, serving_rows, training_rows
from danlu.compute.validation.case import Case, Target
from danlu.compute.validation.score import Judged
from danlu.compute.validation.yardsticks import yardsticks
from danlu.errors import DataError


class Family(NamedTuple):
    """A kind of file: its first target, the columns that it is known by, and how its rows become cases."""

    name: str
    target: Target
    header: frozenset[str]
    read: Callable[[Iterable[Mapping[str, str]]], Iterator[Case]]


FAMILIES = (
    Family("training runs", "step_time", training_rows.HEADER, training_rows.read),
    Family("fine-tuning runs", "finetune_step_time", finetune_rows.HEADER, finetune_rows.read),
    Family("serving runs", "throughput", serving_rows.HEADER, serving_rows.read),
    Family("serving latencies", "tpot", latency_rows.HEADER, latency_rows.read),
)
PREDICTORS: Mapping[Target, Callable[..., Estimate]] = {
    "step_time": step_estimate,
    "memory": memory_estimate,
    "finetune_step_time": tuning_estimate,
    "finetune_memory": memory_estimate,
    "throughput": throughput,
    "ttft": ttft,
    "tpot": tpot,
}
CONSTANTS: Mapping[Target, Any] = {  # that the predictors take as their second argument, and are fitted to
    "step_time": STEP,
    "memory": MEMORY,
    "finetune_step_time": TUNING,
    "finetune_memory": MEMORY,
    "throughput": SERVING,
    "ttft": SERVING,
    "tpot": SERVING,
}


def read_cases(path: Path) -> list[Case]:
    """Every figure of the file. Raises DataError where it is no CSV file or its header is of no known family."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = frozenset(reader.fieldnames or ())
            rows = [{key: (value or "").strip() for key, value in row.items() if key} for row in reader]
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; --validate reads a CSV file of published runs.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as CSV ({error}).") from error
    family = family_of(columns, path)
    return [case for place, row in enumerate(rows, start=1) for case in _cases(family, {"id": f"row {place}", **row})]


def _cases(family: Family, row: Mapping[str, str]) -> list[Case]:
    """Of one row; one whose figures cannot be is listed with the reason, and costs no other row."""
    try:
        return list(family.read([row]))
    except (ValueError, ArithmeticError) as error:
        reason = f"its figures cannot be: {error}"
        return [Case(row["id"], family.target, "", math.nan, None, judges=False, reason=reason)]


def family_of(columns: frozenset[str], path: Path) -> Family:
    """The family whose header these columns are. Raises DataError with the nearest one and what it lacks."""
    found = [family for family in FAMILIES if family.header <= columns]
    if found:
        return max(found, key=lambda family: len(family.header))
    near = min(FAMILIES, key=lambda family: len(family.header - columns) / len(family.header))
    missing = ", ".join(sorted(near.header - columns))
    raise DataError(f"{path}: no file of published runs by its header; nearest are {near.name}, it lacks {missing}.")


def judge(cases: Iterable[Case]) -> list[Judged]:
    """The planner's word on each case, with the yardsticks'. What it cannot predict carries the reason."""
    return [_judged(case) for case in cases]


def _judged(case: Case) -> Judged:
    if case.question is None:
        return Judged(case, None, case.reason or "the row does not say enough")
    try:
        estimate = PREDICTORS[case.target](case.question)
    except (ValueError, ArithmeticError) as error:
        return Judged(case, None, f"{error}")
    except (LookupError, TypeError, AttributeError) as error:  # a bug: named, counted, and no other row is lost
        return Judged(case, None, f"a bug of danlu's, please report: {type(error).__name__}: {error}")
    return Judged(case, estimate, "", yardsticks(case))


def table(rows: Sequence[Judged]) -> Iterator[Sequence[str]]:
    """Rows of the predictions file, its header first. Seconds, GB (10^9 bytes), tokens a second."""
    yield ("id", "target", "actual", "predicted", "lo80", "hi80", "reason")
    for row in rows:
        unit = 1e9 if "memory" in row.case.target else 1.0
        said = row.estimate
        numbers = () if said is None else (said.value / unit, said.low / unit, said.high / unit)
        reason = row.reason or ("" if row.case.judges else f"does not judge: {row.case.reason}")
        yield (
            row.case.id,
            row.case.target,
            f"{row.case.actual / unit:.6g}",
            *(f"{number:.6g}" for number in numbers or ()),
            *("" for _ in range(3 - len(numbers))),
            reason,
        )
