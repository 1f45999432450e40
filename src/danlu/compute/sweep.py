"""The same question with one setting or several varied: an answer for each combination."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from danlu.compute.answer import Answer, plan
from danlu.compute.architecture import Architecture
from danlu.compute.catalogue import Cluster
from danlu.compute.quantities import nearest
from danlu.compute.settings import EVERY, SUBJECTS
from danlu.errors import RecipeError

SCHEMA = "danlu/plan-sweep-1"
_MOST = 256  # answers; each takes a tenth of a second or so


@dataclass(frozen=True, slots=True)
class Row:
    """One combination: its answer, or why there is none."""

    values: Mapping[str, str]
    answer: Answer | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Swept:
    """All combinations in the order that they were written."""

    keys: tuple[str, ...]
    rows: tuple[Row, ...]

    def to_json(self) -> dict[str, Any]:
        """A row for each combination; `answer` as a plan's JSON, or null with `reason`."""
        return {
            "schema": SCHEMA,
            "keys": list(self.keys),
            "rows": [
                {
                    "values": dict(row.values),
                    "answer": None if row.answer is None else row.answer.to_json(),
                    "reason": row.reason,
                }
                for row in self.rows
            ],
        }


def sweep(
    model: str | Architecture, hardware: str | Cluster, settings: Mapping[str, Any], varied: Sequence[str]
) -> Swept:
    """varied: `key=v1,v2` each; model and hardware may be keys too (`;` separates values that hold commas).

    Raises RecipeError for an unknown key, and where every combination fails, with the first reason.
    """
    axes = dict(_axis(text) for text in varied)
    combinations = list(itertools.product(*axes.values()))
    if len(combinations) > _MOST:
        raise RecipeError(f"the sweep has {len(combinations)} combinations; the most is {_MOST}. Leave some out.")
    rows = tuple(_rows(model, hardware, settings, [dict(zip(axes, c, strict=True)) for c in combinations]))
    if all(row.answer is None for row in rows):
        raise RecipeError(f"no combination of the sweep can be: {rows[0].reason}")
    return Swept(tuple(axes), rows)


def _rows(
    model: str | Architecture, hardware: str | Cluster, settings: Mapping[str, Any], chosen: Sequence[Mapping[str, str]]
) -> Iterator[Row]:
    for values in chosen:
        changed = {**settings, **{key: value for key, value in values.items() if key not in SUBJECTS}}
        try:
            yield Row(values, plan(values.get("model", model), values.get("hardware", hardware), changed))
        except RecipeError as error:
            yield Row(values, None, str(error))


def _axis(text: str) -> tuple[str, list[str]]:
    key, equals, values = text.partition("=")
    key = {"gpus": "devices", "layout": "tp"}.get(key.strip(), key.strip().replace("-", "_"))
    known = (*SUBJECTS, *EVERY)
    if not equals or key not in known:
        raise RecipeError(f"--sweep {text!r}: write KEY=V1,V2; the nearest key is {nearest(key, known)}.")
    separator = ";" if ";" in values else ","
    found = [value.strip() for value in values.split(separator) if value.strip()]
    if not found:
        raise RecipeError(f"--sweep {text!r} names no value; write {key}=V1,V2.")
    return key, found
