"""A minute of a recipe's own work on this machine, timed, so that its plan need not guess; kept for later plans.

A process of its own does the work (run/probing/), as memory and start-up are measured with everything else.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from danlu import __version__
from danlu.artefact import cache_folder, hash_value, read_json, write_json
from danlu.compute import Probe
from danlu.compute.local.calibration import VERSION
from danlu.compute.local.probe import Likeness
from danlu.errors import DanluError, RecipeError
from danlu.hub.store import Emit, silent
from danlu.recipe import FileSource, FreshBase, Recipe
from danlu.run.fingerprint import library_versions, sources_of
from danlu.run.machine import this_machine
from danlu.run.settle import settle

SCHEMA = "danlu/probe-1"
_PROGRAM = "from danlu.run.probing.process import main; main()"
_ROOMS = ("model", "training", "generation")  # whose code is timed
_LIMIT_S = 900


class ProbeError(DanluError):
    """A probe that came to no figures."""


def probe(recipe: Recipe, root: Path, emit: Emit = silent) -> Probe:
    """Measure now, and keep it. root: where the recipe's relative paths start. emit: hears "probing" with `what`.

    Raises RecipeError for a recipe that runs elsewhere, ProbeError where the work could not be done, in its own words.
    """
    settled = _settled(recipe, root)
    command = [sys.executable, "-P", "-c", _PROGRAM]
    said: dict[str, Any] = {}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        watch = threading.Timer(_LIMIT_S, process.kill)
        watch.start()
        process.stdin.write(json.dumps(settled.model_dump(mode="json")) + "\n")
        process.stdin.close()
        for line in process.stdout:
            said = json.loads(line)
            if "what" in said:
                emit("probing", said)
        watch.cancel()
        code = process.wait()
    if "probe" not in said:
        raise ProbeError(f"the probe ended without figures: {said.get('error', f'exit code {code}')}")
    found = Probe.from_json(said["probe"])
    facts = _facts(settled)
    kept = {"schema": SCHEMA, "facts": facts, "probe": said["probe"]}
    write_json(_folder() / f"{hash_value(facts)[:32]}.json", kept)
    return found


def stored(recipe: Recipe, root: Path) -> Probe | None:
    """What an earlier probe on this machine tells of the recipe: its own, else one of the same base, else any.

    None where the recipe runs elsewhere or nothing was measured under these versions.
    """
    try:
        settled = _settled(recipe, root)
    except DanluError:
        return None
    facts = _facts(settled)
    best: tuple[int, float, Probe] | None = None
    for path in _folder().glob("*.json"):
        kept = _read(path)
        likeness = None if kept is None else _likeness(kept["facts"], facts)
        if kept is None or likeness is None:
            continue
        rank = (("machine", "base", "recipe").index(likeness), path.stat().st_mtime)
        if best is None or rank > best[:2]:
            best = (*rank, Probe.from_json(kept["probe"]).seen(likeness))
    return None if best is None else best[2]


def _read(path: Path) -> dict[str, Any] | None:
    """A cached probe; what another version wrote, or half of it, is none."""
    try:
        kept: dict[str, Any] = read_json(path)
        return kept if kept.get("schema") == SCHEMA and Probe.from_json(kept["probe"]) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _settled(recipe: Recipe, root: Path) -> Recipe:
    here = this_machine().name
    if recipe.hardware not in {"auto", here}:
        raise RecipeError(
            f"hardware: {recipe.hardware!r} cannot be probed from here; only this machine ({here}) can. Leave --probe "
            "out for a plan from data sheets, or set hardware: auto."
        )
    return settle(recipe, root)


def _folder() -> Path:
    return cache_folder() / "probes"


def _facts(settled: Recipe) -> dict[str, Any]:
    """All that the times of a piece of work depend on: of one machine, of one base, of one recipe."""
    written = settled.model_dump(mode="json", exclude={"name", "goal"})
    for section, keys in (
        ("training", ("optimizer", "schedule", "seed", "max_tokens", "epochs", "checkpoint_every_steps")),
        ("evaluation", ()),
    ):
        written[section] = {key: value for key, value in written[section].items() if key not in keys}
    for key in ("problems", "gsm8k_problems", "seed"):
        written["evaluation"]["scenario"].pop(key, None)
    if written["evaluation"]["guard"] is not None:
        written["evaluation"]["guard"] = written["evaluation"]["guard"]["tasks"]
    files = [Path(source.path) for source in settled.data.sources if isinstance(source, FileSource)]
    return {
        "machine": {
            "hardware": settled.hardware,
            "threads": settled.threads,
            "ranks": settled.ranks,
            "precision": settled.training.precision,
            "formulas": VERSION,
            "versions": {"danlu": __version__, **library_versions("torch")},
            "code": sources_of(*_ROOMS),
        },
        "base": written["base"] if not isinstance(settled.base, FreshBase) else {**written["base"], "seed": 0},
        "recipe": {**written, "files": [[str(path), path.stat().st_size] for path in files]},
    }


def _likeness(kept: Mapping[str, Any], wanted: Mapping[str, Any]) -> Likeness | None:
    if kept.get("machine") != wanted["machine"]:
        return None
    if kept.get("base") != wanted["base"]:
        return "machine"
    return "recipe" if kept.get("recipe") == wanted["recipe"] else "base"
