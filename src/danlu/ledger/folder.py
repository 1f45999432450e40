"""A run's folder as the ledger reads it: what the run was, what was planned, what came out of it."""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from danlu.artefact import hash_value, read_json
from danlu.errors import DataError

RECIPE, RESULT, EVENTS, NOTES = "recipe.yaml", "run.json", "events.jsonl", "outcome.json"
_PLANS = ("plan.json", "plan/plan.json")


def described(folder: Path) -> dict[str, Any]:
    """Columns of the recipe, which every run folder holds. Raises DataError where it does not."""
    path = folder / RECIPE
    if not path.is_file():
        raise DataError(f"{folder} is no run's folder: it has no {RECIPE}.")
    text = path.read_text(encoding="utf-8")
    try:  # as plain YAML: a recipe of an older danlu may no longer be a recipe, yet its run took place
        recipe = YAML(typ="safe", pure=True).load(text)
    except YAMLError:
        recipe = None
    if not isinstance(recipe, dict):
        return {"goal": None, "recipe": text, "recipe_sha256": hashlib.sha256(text.encode()).hexdigest()}
    return {"goal": recipe.get("goal"), "recipe": text, "recipe_sha256": hash_value(recipe)}


def planned(folder: Path) -> dict[str, Any]:
    """The column `plan`, where the run got so far."""
    path = next((folder / name for name in _PLANS if (folder / name).is_file()), None)
    return {} if path is None else {"plan": read_json(path)}


def resulting(result: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """Columns that a run's result fills; root: the ledger's folder."""
    stages = list(result.get("stages") or ())
    actual = {
        "stages": stages,
        "train": result.get("train"),
        "time_s": sum(stage.get("wall_s") or 0.0 for stage in stages),
        "peak_rss_bytes": max((stage.get("peak_rss_bytes") or 0 for stage in stages), default=0),
    }
    found = {name: result[name] for name in ("machine", "plan") if result.get(name) is not None}
    return {
        **found,
        "actual": actual,
        "parents": _parents(result.get("base") or {}, root),
        "accepted": dict(result.get("accepted") or {}),
        "result": dict(result),
        **{name: result.get(name) for name in ("verdict", "ship", "why", "weights_sha256")},
    }


def remembered(folder: Path) -> dict[str, Any]:
    """All columns that a finished or abandoned run's folder tells, for a ledger that was lost."""
    columns: dict[str, Any] = {**described(folder), **planned(folder)}
    columns["started"], columns["finished"] = _times(folder)
    result = read_json(folder / RESULT) if (folder / RESULT).is_file() else None
    columns["status"] = "interrupted" if result is None else "finished"
    if result is not None:
        columns |= resulting(result, folder.parent)
    return columns | _notes(folder / NOTES)


def _parents(base: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """What the weights came from; a base inside a run's folder names that run."""
    source = Path(str(base.get("source") or ""))
    try:
        inside = source.absolute().relative_to(root.absolute()).parts[:1]
    except ValueError:
        inside = ()
    runs = [name for name in inside if (root / name / RECIPE).is_file()]
    return {"base": {name: base.get(name) for name in ("source", "sha256", "licence")}, "runs": runs}


def _notes(path: Path) -> dict[str, Any]:
    """The user's words on a run."""
    kept = read_json(path) if path.is_file() else {}
    return {name: kept[name] for name in ("outcome", "cause") if isinstance(kept.get(name), str)}


def _times(folder: Path) -> tuple[str, str]:
    """First and last event of a run; without events, when its recipe was written."""
    times = [event["time"] for event in _events(folder / EVENTS) if isinstance(event.get("time"), str)]
    if times:
        return times[0], times[-1]
    written = datetime.datetime.fromtimestamp((folder / RECIPE).stat().st_mtime, datetime.UTC)
    return (written.isoformat(timespec="seconds"),) * 2


def _events(path: Path) -> Iterator[dict[str, Any]]:
    """Whole events; a line that a crash cut in half is none."""
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            yield event
