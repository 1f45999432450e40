"""Runs that stop and go on: the same run, or another one under its name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from silent import judge, material, ours
from silent.case import Case, Finding

TWICE = "not run here: needs two runs of the peer, the second from the first one's checkpoint"
MANY = ("data.max_length=100", "training.batch_tokens=200", "training.checkpoint_every_steps=2")
STOP = 5


def _fixture(folder: Path) -> None:
    material.fixture(folder, material.sums(12), lr=1e-2, epochs=2, batch_size=2)


def _interrupted(folder: Path) -> None:
    """A run that is stopped by Ctrl-C after some steps."""

    def stop(event: str, fields: Mapping[str, object]) -> None:
        if event == "step" and fields["step"] == STOP:
            raise KeyboardInterrupt

    try:
        ours.run(folder, *MANY, listener=stop)
    except KeyboardInterrupt:
        return
    raise AssertionError("the run was not interrupted")


def _part(folder: Path) -> Path:
    """Where the unfinished training lies."""
    (found,) = (path for path in folder.glob(".store/**/snapshots"))
    return found


def _danlu_replay(folder: Path) -> Finding:
    quiet = folder / "quiet"
    quiet.mkdir()
    _fixture(quiet)
    whole = ours.run(quiet, *MANY)
    _interrupted(folder)
    resumed = ours.run(folder, *MANY)
    steps = [ours.trajectory(place / "run" / "train") for place in (quiet, folder)]
    right = steps[0] == steps[1] and whole["weights_sha256"] == resumed["weights_sha256"]
    return ours.proven(
        right,
        f"stopped after step {STOP} of {len(steps[0])}, then on: all losses and weights are the same to the bit",
        "the resumed run is another one",
    )


def _danlu_moments(folder: Path) -> Finding:
    """The snapshot holds both moments; a run whose moments are taken away goes elsewhere, so they are what is used."""
    import torch

    _interrupted(folder)
    kept = sorted(_part(folder).glob("step-*.pt"))[-1]
    state = torch.load(kept, weights_only=True)
    moments = [value for one in state["optimizer"]["state"].values() for value in (one["exp_avg"], one["exp_avg_sq"])]
    held = len(moments) > 0 and all(float(value.abs().max()) > 0 for value in moments[:2])
    ours.run(folder, *MANY)
    steps = ours.trajectory(folder / "run" / "train")
    other = folder / "other"
    other.mkdir()
    _fixture(other)
    _interrupted(other)
    path = sorted(_part(other).glob("step-*.pt"))[-1]
    emptied = torch.load(path, weights_only=True)
    emptied["optimizer"]["state"] = {}
    torch.save(emptied, path)
    ours.run(other, *MANY)
    without = ours.trajectory(other / "run" / "train")
    return ours.proven(
        held and steps[:STOP] == without[:STOP] and steps[STOP + 1 :] != without[STOP + 1 :],
        f"{len(moments)} moments in the snapshot; without them the losses after step {STOP + 1} would be others",
        "the moments are not there, or not used",
    )


def _danlu_changed(folder: Path) -> Finding:
    _interrupted(folder)
    material.write_rows(folder / "train.jsonl", material.sums(12, seed=5))
    return ours.either(ours.refused(lambda: ours.run(folder, *MANY), 9), Finding("missed", "went on with other data"))


def _danlu_base(folder: Path) -> Finding:
    """The base's folder is replaced under its name."""
    from safetensors.torch import load_file, save_file

    _interrupted(folder)
    path = folder / "base" / "model.safetensors"
    tensors = load_file(path)
    tensors["model.norm.weight"] *= 1.5
    save_file(tensors, path, metadata={"format": "pt"})
    return ours.either(ours.refused(lambda: ours.run(folder, *MANY), 9), Finding("missed", "went on from another base"))


def _danlu_half(folder: Path) -> Finding:
    """A kill while a snapshot is written leaves a part of one: it must not be what is read."""
    _interrupted(folder)
    snapshots = sorted(_part(folder).glob("step-*.pt"))
    torn = snapshots[-1].with_name(f".{snapshots[-1].name}.torn.tmp")
    torn.write_bytes(snapshots[-1].read_bytes()[:500])
    ours.run(folder, *MANY)
    steps = ours.trajectory(folder / "run" / "train")
    left = list((folder / "run").rglob("*.tmp"))
    finite = all(float(value.abs().max()) < 1e3 for value in judge.weights(folder / "run" / "train" / "model").values())
    return ours.proven(
        [row["step"] for row in steps] == list(range(1, len(steps) + 1)) and finite and not left,
        f"half a snapshot beside the whole one is not read, and is gone at the end; {len(steps)} steps, each once",
        "half a snapshot was read, or stayed",
    )


CASES = (
    Case(
        "resume-replays-data",
        "A resumed run starts its data again: some rows are learned twice, others never.",
        "The losses after the resume against those of a run that was never stopped.",
        None,
        "https://github.com/huggingface/accelerate/issues/2016",
        _fixture,
        _danlu_replay,
        TWICE,
    ),
    Case(
        "resume-without-moments",
        "The optimiser starts anew after a resume, and the loss jumps.",
        "The losses after the resume.",
        None,
        "https://github.com/EvolvingLMMs-Lab/OneVision-Encoder/pull/65",
        _fixture,
        _danlu_moments,
        TWICE,
    ),
    Case(
        "resume-with-other-data",
        "The data changed between two starts; position and schedule of the old run are kept for the new data.",
        "A fingerprint of the data beside the checkpoint.",
        9,
        "https://github.com/bghira/SimpleTuner/issues/1172",
        _fixture,
        _danlu_changed,
        TWICE,
    ),
    Case(
        "resume-on-another-base",
        "The base's folder was replaced under its name; an adapter goes on as if nothing had changed.",
        "A fingerprint of the base beside the checkpoint.",
        9,
        "",
        _fixture,
        _danlu_base,
        TWICE,
    ),
    Case(
        "half-a-checkpoint",
        "A kill or a full disk in the middle of a save leaves half a checkpoint under the good one's name.",
        "Whole files only: written beside, then renamed.",
        None,
        "https://github.com/bghira/SimpleTuner/issues/2613",
        _fixture,
        _danlu_half,
        TWICE,
    ),
)
