"""The same question at other numbers of devices, batches and precisions: what the page's sliders choose among."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from danlu.compute.answer import Answer, answer
from danlu.compute.catalogue import Precision
from danlu.compute.question import Question
from danlu.errors import RecipeError

_DEVICES = (1 / 8, 1 / 4, 1 / 2, 1, 2, 4)  # times those that are asked
_BATCHES = (1 / 4, 1 / 2, 1, 2, 4)
_KEPT = 2  # layouts of the first pass whose variants are tried for a cell


@dataclass(frozen=True, slots=True)
class Grid:
    """cells: answers by (devices, batch, precision), None where no layout is valid."""

    devices: tuple[int, ...]
    batches: tuple[int, ...]
    precisions: tuple[Precision, ...]
    cells: dict[tuple[int, int, Precision], Answer | None]
    asked: tuple[int, int, Precision]

    @classmethod
    def around(cls, asked: Answer) -> Grid:
        """The cell of the answer, and its neighbours."""
        question, job = asked.question, asked.job
        devices = _scaled(job.cluster.num_devices, _DEVICES)
        batches = _scaled(job.batch.sequences, _BATCHES)
        precisions = _precisions(question)
        here = (job.cluster.num_devices, job.batch.sequences, job.numerics.compute)
        cells: dict[tuple[int, int, Precision], Answer | None] = {}
        for number in devices:
            for rows in batches:
                for precision in precisions:
                    place = (number, rows, precision)
                    cells[place] = asked if place == here else _cell(question, number, rows, precision)
        return cls(devices, batches, precisions, cells, here)

    def to_json(self) -> dict[str, Any]:
        """The axes, the place of the question, and a list of cells: devices outermost, precision innermost."""
        return {
            "devices": self.devices,
            "batches": self.batches,
            "precisions": self.precisions,
            "asked": [
                list(axis).index(value)
                for axis, value in zip((self.devices, self.batches, self.precisions), self.asked, strict=True)
            ],
            "cells": [None if cell is None else described(cell) for cell in self.cells.values()],
        }


def described(cell: Answer) -> dict[str, Any]:
    """What the page shows of a cell, and reckons prices from."""
    full = cell.to_json()
    return {
        **{key: full[key] for key in ("verdict", "fits", "bottleneck", "relief", "remedies", "memory")},
        "layout": full["layout"]["words"],
        "runner_up": None if full["runner_up"] is None else f"{full['runner_up']['words']}: {full['runner_up']['why']}",
        "step_s": full["step"]["time_s"],
        "parts": full["step"]["parts"],
        "tokens": full["step"]["tokens"],
        "mfu": full["step"]["utilisation"]["mfu_causal"],
        "goodput": full["faults"]["goodput"],
    }


def _scaled(value: int, factors: tuple[float, ...]) -> tuple[int, ...]:
    return tuple(sorted({max(1, round(value * factor)) for factor in factors} | {value}))


def _precisions(question: Question) -> tuple[Precision, ...]:
    asked, device = question.numerics.compute, question.cluster.device
    trained: tuple[Precision, ...] = ("fp32", "bf16", "fp8", "fp4")
    return tuple(p for p in trained if p == asked or (p in device.peaks and p != "fp32")) or (asked,)


def _cell(question: Question, number: int, rows: int, precision: Precision) -> Answer | None:
    changed = replace(
        question,
        cluster=replace(question.cluster, num_devices=number),
        rows=replace(question.rows, sequences=rows),
        numerics=replace(question.numerics, compute=precision),
    )
    try:
        return answer(changed, kept=_KEPT)
    except RecipeError:  # rows that so many devices cannot share
        return None
