"""The stage `train`, from a base and packed tokens to files that last. Killed at any moment, it is called again."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from danlu.artefact import hash_file, read_json, write_json
from danlu.errors import DataError, Refusal, Waivers
from danlu.hub import Resolved
from danlu.recipe import Training
from danlu.tokens import Shards
from danlu.training import outcome
from danlu.training.loop import Circumstances, Emit, Trained, fingerprint_of, train
from danlu.training.snapshot import check_unchanged

SCHEMA = "danlu/train-1"


def carry_out(
    config: Training,
    base: Resolved,
    dataset: Path,
    work: Path,
    around: Circumstances,
    *,
    waivers: Waivers,
    emit: Emit = lambda *_: None,
) -> dict[str, Any]:
    """Train, and leave in `work`: adapter/ (not for full weights), model/, trajectory.jsonl, train.json, measured.json.

    Returns train.json's facts, with what was measured under "measured": it differs from run to run and is no part
    of the outcome's identity, as nothing else here does. Called again after a crash or Ctrl-C it ends in the same
    bytes; called again when it had finished it returns the same. Raises as `train` and `outcome.write` do.
    """
    _check_origin(base.folder, dataset, around.template_sha256)
    fingerprint = fingerprint_of(config, base.folder, dataset, around)
    for left_over in work.glob(".*.tmp"):
        left_over.unlink()
    if (work / "train.json").is_file():
        measured = read_json(work / "measured.json")
        check_unchanged(measured["fingerprint"], fingerprint, f"{work}: the finished training", waivers)
    else:
        trained = train(
            config,
            base.folder,
            dataset,
            work,
            waivers=waivers,
            fingerprint=fingerprint,
            ranks=around.ranks,
            emit=emit,
        )
        measured = {"schema": "danlu/measured-1", **_rates(trained), "fingerprint": fingerprint}
        emit("saving", {"folder": "model"})
        digest = outcome.write(trained.decoder, base, work, around.template_sha256)
        write_json(work / "measured.json", measured)
        write_json(work / "train.json", _facts(trained, digest, around.template_sha256))
    shutil.rmtree(work / "snapshots", ignore_errors=True)
    facts: dict[str, Any] = read_json(work / "train.json")
    emit("trained", facts)
    return {**facts, "measured": measured}


def _check_origin(base: Path, dataset: Path, template_sha256: str | None) -> None:
    """The data must have been made with this base's tokenizer, and rendered with this run's template (refusal 3)."""
    manifest = Shards(dataset).manifest
    rendered = manifest.get("template_sha256")
    if rendered is not None and rendered != template_sha256:
        raise Refusal(
            3,
            f"{dataset}: the data was rendered with the chat template {rendered:.12}, but the run uses "
            f"{template_sha256 or 'none':.12}. Build the data again.",
        )
    made = manifest.get("tokenizer_sha256")
    if made is not None and made != hash_file(base / "tokenizer.json"):
        raise DataError(f"{dataset}: the data was made with another tokenizer than the base's. Build the data again.")


def _facts(trained: Trained, weights_sha256: str, template_sha256: str | None) -> dict[str, Any]:
    rows = trained.trajectory
    return {
        "schema": SCHEMA,
        "tokens": sum(row["tokens"] for row in rows),
        "supervised_tokens": sum(row["supervised_tokens"] for row in rows),
        "steps": len(rows),
        "loss_first": rows[0]["loss"],
        "loss_last": rows[-1]["loss"],
        "weights_sha256": weights_sha256,
        "template_sha256": template_sha256,
    }


def _rates(trained: Trained) -> Mapping[str, float]:
    tokens = sum(row["tokens"] for row in trained.trajectory)
    spent = trained.spent
    return {**spent, "tokens_per_s": tokens / spent["wall_s"], "tokens_per_cpu_s": tokens / spent["cpu_s"]}
