"""Recipes, bases and machines: what was asked for, and what is done."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from silent import judge, material, ours
from silent.case import Case, Finding, Run

# Keys.


def _typo_fixture(folder: Path) -> None:
    material.fixture(folder, extra={"grad_acumulation_steps": 4})


def _danlu_typo(folder: Path) -> Finding:
    return ours.either(ours.refused(lambda: ours.build(folder), 12), Finding("missed", "the key was ignored"))


def _peer_typo(run: Run) -> Finding:
    if found := judge.missing(run):
        return found
    if text := judge.told(run, "grad_acumulation_steps"):
        return Finding("warned", text)
    return Finding("missed", "trained; of the unknown key no word")


def _unread_fixture(folder: Path) -> None:
    peers = {"trl": {"packing_strategy": "wrapped"}, "llamafactory": {"lora_rank": 64}, "axolotl": {"lora_r": 64}}
    material.fixture(folder, lora=None, schedule="cosine", extra=peers)


def _danlu_unread(folder: Path) -> Finding:
    asked = {"training": {"schedule": {"decay": 0.3}}}
    return ours.either(ours.refused(lambda: ours.build(folder, **asked), 12), Finding("missed", "the key was ignored"))


def _peer_unread(run: Run) -> Finding:
    if found := judge.missing(run):
        return found
    if text := judge.told(run, "packing_strategy", "lora_r", "lora_rank"):
        return Finding("warned", text)
    return Finding("missed", "trained; of a setting that nothing reads no word")


# Bases.


def _beyond_fixture(folder: Path) -> None:
    row = material.dialogue("Say it. " + "word " * 30, "again " * 30)
    rows = [*material.sums(4), row]
    material.fixture(folder, rows, base={"config": {"max_position_embeddings": 128}}, max_length=512)


def _danlu_beyond(folder: Path) -> Finding:
    return ours.either(
        ours.refused(lambda: ours.run(folder), says="positions"),
        Finding("missed", "trained at positions the base has never seen"),
    )


def _peer_beyond(run: Run) -> Finding:
    if found := judge.missing(run, "batches"):
        return found
    longest = max(len(row) for batch in run.batches for row in batch["input_ids"])
    if longest <= 128:
        return Finding("handled", f"rows of {longest} tokens at most")
    if text := judge.told(run, "max_position", "maximum sequence length", "longer than"):
        return Finding("warned", text)
    return Finding("missed", f"a row of {longest} tokens for a base of 128 positions")


def _gap_fixture(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    material.fixture(folder, lr=1e-9)
    path = folder / "base" / "model.safetensors"
    tensors = load_file(path)
    del tensors["model.layers.1.mlp.down_proj.weight"]
    save_file(tensors, path, metadata={"format": "pt"})


def _danlu_gap(folder: Path) -> Finding:
    return ours.either(
        ours.refused(lambda: ours.train(folder), says="missing"), Finding("missed", "trained from a random matrix")
    )


def _peer_gap(run: Run) -> Finding:
    if found := judge.missing(run, "losses"):
        return found
    if text := judge.told(run, "newly initialized", "not initialized", "missing"):
        return Finding("warned", text)
    said = next((line for line in run.log.splitlines() if "down_proj" in line or "newly initialized" in line), "")
    return (
        Finding("warned", said.strip()) if said else Finding("missed", "trained from a random matrix, without a word")
    )


# Machines.


def _long_fixture(folder: Path) -> None:
    rows = [*material.sums(8), material.dialogue("Tell me.", "A long story. " * 60)]
    material.fixture(folder, rows, max_length=1000, lora=None)


def _danlu_memory(folder: Path) -> Finding:
    """A machine with 2 MB left: the ninth row, the long one, is what does not fit."""
    from danlu.training import memory

    with mock.patch.object(memory, "available_bytes", lambda: 2_000_000):
        finding = ours.refused(lambda: ours.train(folder), 10)
    if (folder / "train" / "trajectory.jsonl").read_text():
        return Finding("missed", "steps were done before it failed")
    return ours.either(finding, Finding("missed", "nothing was said before the first step"))


def _danlu_disk(folder: Path) -> Finding:
    """A disk with 100 kB left: enough for the first snapshot, too little for what the run will write."""
    import shutil

    with mock.patch.object(shutil, "disk_usage", lambda _: SimpleNamespace(free=100_000)):
        finding = ours.refused(lambda: ours.train(folder), says="the disk has")
    if (folder / "train" / "trajectory.jsonl").read_text():
        return Finding("missed", "steps were done before it failed")
    return ours.either(finding, Finding("missed", "nothing was said before the first step"))


BUILDS = """
import json, sys
from danlu.cli import main
try:
    main()
finally:
    sys.stderr.write(json.dumps({"torch": "torch" in sys.modules}))
"""


def _danlu_group(folder: Path) -> Finding:
    ours.recipe(folder)
    done = subprocess.run(
        [sys.executable, "-c", BUILDS, "data", "build", "recipe.yaml", "--out", "data"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = json.loads(done.stderr[done.stderr.rindex("{") :])["torch"]
    return ours.proven(
        not loaded and (folder / "data" / "manifest.json").is_file(),
        "data was tokenised, packed and written by a process that never loaded torch: no group can wait for it",
        "the process that tokenises has torch loaded",
    )


def _plain(folder: Path) -> None:
    material.fixture(folder)


LOSSES = frozenset({"losses"})
NO_MACHINE = "not run here: needs a machine whose memory or disk ends; danlu's is told that it does"
CASES = (
    Case(
        "unknown-key",
        "A mistyped key is ignored, and the default is trained with.",
        "The key stands in the file and in no effect.",
        12,
        "https://github.com/unslothai/unsloth/pull/10452",
        _typo_fixture,
        _danlu_typo,
        _peer_typo,
    ),
    Case(
        "key-that-nothing-reads",
        "A key is known, but not read with these settings: the user believes that it acts.",
        "Nothing differs without it.",
        12,
        "https://github.com/huggingface/transformers/issues/12685",
        _unread_fixture,
        _danlu_unread,
        _peer_unread,
    ),
    Case(
        "rows-longer-than-the-base-reads",
        "Rows are longer than the positions that the base was trained on.",
        "The longest row against max_position_embeddings.",
        None,
        "https://github.com/huggingface/alignment-handbook/issues/32",
        _beyond_fixture,
        _danlu_beyond,
        _peer_beyond,
    ),
    Case(
        "weights-missing-from-the-base",
        "A tensor is not in the checkpoint, and random numbers take its place.",
        "Names in the checkpoint against names in the model.",
        None,
        "https://github.com/ermongroup/TEOChat/issues/16",
        _gap_fixture,
        _danlu_gap,
        _peer_gap,
        LOSSES,
    ),
    Case(
        "late-out-of-memory",
        "Memory ends hours later, at the longest batch, an evaluation or a save.",
        "Do the largest step and a save before step 1.",
        10,
        "https://github.com/tensorflow/tensor2tensor/issues/581",
        _long_fixture,
        _danlu_memory,
        NO_MACHINE,
    ),
    Case(
        "disk-full-at-the-last-save",
        "The disk is full when the model is to be saved, and the run was for nothing.",
        "Reckon before step 1 what will be written.",
        None,
        "https://github.com/bghira/SimpleTuner/issues/2353",
        _plain,
        _danlu_disk,
        NO_MACHINE,
    ),
    Case(
        "tokenising-inside-a-process-group",
        "One rank tokenises while the others wait, until their patience ends.",
        "Who tokenises, and in which process.",
        11,
        "https://github.com/axolotl-ai-cloud/axolotl/issues/2684",
        _plain,
        _danlu_group,
        "not run here: shows with several ranks alone",
    ),
)
