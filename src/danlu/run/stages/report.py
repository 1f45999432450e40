"""The stage `report`: the evidence, for someone who did not run it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from danlu.artefact import hash_folder, hash_value, read_json, read_jsonl
from danlu.run.measure import read
from danlu.run.report import write_report
from danlu.run.result import describe
from danlu.run.stage import Context, Stage

_BEFORE = ("base", "items", "plan", "data", "train", "evaluate")


def _facts(context: Context) -> dict[str, Any]:
    """What was measured is part of a report, so a report is of one run."""
    return {
        "run": context.folder.name,
        "outputs": dict(context.outputs),
        "measured": hash_value([read(context.of(name)).described() for name in _BEFORE]),
        "accepted": {str(number): reason for number, reason in context.waivers.reasons.items()},
    }


def _build(context: Context, folder: Path) -> None:
    trajectory = [row for _, row in read_jsonl(context.of("train") / "trajectory.jsonl")]
    write_report(
        folder,
        describe(context),
        plan=read_json(context.of("plan") / "plan.json"),
        card=read_json(context.of("data") / "card.json"),
        evaluation=read_json(context.of("evaluate") / "evaluation.json"),
        trajectory=trajectory,
    )


def _output(folder: Path) -> str:
    return hash_folder(folder)


STAGE = Stage("report", __name__, _facts, _build, _output)
