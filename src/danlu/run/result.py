"""What a run came to, as one JSON object: `danlu run --json`, run.json, the report's and the ledger's source."""

from __future__ import annotations

from typing import Any

from danlu import __version__
from danlu.artefact import read_json
from danlu.run.fingerprint import code_fingerprint, library_versions
from danlu.run.machine import this_machine
from danlu.run.stage import Context
from danlu.run.stages.base import resolved
from danlu.run.stages.data import DIVERSITY

SCHEMA = "danlu/run-1"
FILE = "run.json"


def describe(context: Context) -> dict[str, Any]:
    """The run so far; every stage but the report must be done."""
    base = resolved(context)
    train = read_json(context.of("train") / "train.json")
    measured = read_json(context.of("train") / "measured.json")
    evaluation = read_json(context.of("evaluate") / "evaluation.json")
    return {
        "schema": SCHEMA,
        "name": context.folder.name,
        "folder": str(context.folder),
        "goal": context.recipe.goal,
        "stages": list(context.rows),
        "plan": read_json(context.of("plan") / "plan.json"),
        "train": {
            **{name: train[name] for name in ("tokens", "supervised_tokens", "steps", "loss_first")},
            "loss": train["loss_last"],
            **{name: measured[name] for name in ("tokens_per_s", "tokens_per_cpu_s")},
        },
        "data": read_json(context.of("data") / "card.json"),
        **{name: evaluation[name] for name in ("scenario", "guard", "verdict", "ship", "why")},
        "weights_sha256": train["weights_sha256"],
        "accepted": {str(number): reason for number, reason in sorted(context.waivers.reasons.items())},
        "machine": this_machine().described(),
        "base": {name: getattr(base, name) for name in ("source", "licence", "sha256", "dequantised")},
        **_diversity(context),
        "code": code_fingerprint("danlu.run.carry"),
        "versions": {"danlu": __version__, **library_versions("torch", "tokenizers", "safetensors", "gguf")},
        "recipe": context.recipe.model_dump(mode="json"),
    }


def _diversity(context: Context) -> dict[str, Any]:
    path = context.of("data") / DIVERSITY
    if not path.is_file():
        return {}
    found = read_json(path)
    return {"diversity": {name: found[name] for name in ("distinct_4", "mean_nearest", "max_nearest")}}
