"""TRL, LLaMA-Factory and Axolotl, each run for real on a fixture in an environment of its own.

    run("trl", fixture, {"batches"})              one fixture
    run_many("trl", [(fixture, want), …])         several: the peer is imported once

A fixture is a folder: base/, train.jsonl, perhaps eval.jsonl, and settings.json. `want` holds some of
"batches" (cheapest: no step is trained), "leak", "losses", "model". Results are kept in a cache folder by the peer's
versions, the fixture's content and what was wanted.
"""

import hashlib
import json
import os
import subprocess
from dataclasses import dataclass, field, fields
from itertools import combinations
from pathlib import Path

from .venv import CACHE, NotHereError, python_of, versions_of

PEERS = ("trl", "llamafactory", "axolotl")
WANTS = ("batches", "leak", "losses", "model")
HERE = Path(__file__).parent
PACE = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
OFFLINE = {"HF_HUB_OFFLINE": "1", "WANDB_DISABLED": "true", "DO_NOT_TRACK": "1", "AXOLOTL_DO_NOT_TRACK": "1"}


@dataclass(frozen=True)
class Run:
    """What a peer did with a fixture.

    refused: the error that its user would see, last line. warnings: from logging and warnings, each once.
    batches: the first epoch as the trainer's own dataloader yields it, {input_ids, labels, position_ids,
    attention_mask} with lists of lists or None (only "batches" asks for it). trained: the same for every micro-batch
    that a step really saw. losses, learning_rates, grad_norms: per step. eval_losses: per evaluation. steps: planned.
    leak: how far the last hidden state of a packed row moves when the row's first tokens change (see watch.leak_of).
    model: the folder to deploy; a LoRA is merged the peer's own way. log: what the user would see.
    """

    available: bool
    reason: str = ""
    refused: str | None = None
    warnings: list[str] = field(default_factory=list)
    batches: list[dict] = field(default_factory=list)
    trained: list[dict] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    learning_rates: list[float] = field(default_factory=list)
    grad_norms: list[float] = field(default_factory=list)
    eval_losses: list[float] = field(default_factory=list)
    steps: int | None = None
    leak: float | None = None
    model: Path | None = None
    checkpoints: list[Path] = field(default_factory=list)
    log: str = ""


def run(peer, fixture, want):
    """One fixture; see `run_many`."""
    return run_many(peer, [(fixture, want)])[0]


def run_many(peer, asked, *, time_limit_s=300.0, cache=CACHE / "runs"):
    """asked: pairs of a fixture's folder and what is wanted of it. Gives a Run for each, in their order.

    A peer that is not here gives `available=False` and the reason; what is in the cache is not run again.
    """
    try:
        python = python_of(peer)
        versions = versions_of(peer, python)
    except NotHereError as why:
        return [Run(available=False, reason=f"not run here: {why}") for _ in asked]
    keys = [key_of(peer, versions, Path(fixture)) for fixture, _ in asked]
    folders = [found(cache / peer / key, want) for key, (_, want) in zip(keys, asked, strict=True)]
    jobs = {
        str(out): {"fixture": str(Path(fixture).resolve()), "out": str(out), "want": sorted(want)}
        for out, (fixture, want) in zip(folders, asked, strict=True)
        if not finished(out)
    }
    try:
        if jobs:
            _drive(peer, python, [job | {"time_limit_s": time_limit_s} for job in jobs.values()], cache / peer)
    except NotHereError as why:
        broken = Run(available=False, reason=f"not run here: {why}")
        return [read(out) if finished(out) else broken for out in folders]
    return [read(out) for out in folders]


def key_of(peer, versions, fixture):
    """Changes with the peer's environment, its driver, and every byte of the fixture."""
    seen = hashlib.sha256(json.dumps(versions, sort_keys=True).encode())
    for source in (HERE / "watch.py", HERE / f"drive_{peer}.py"):
        seen.update(source.read_bytes())
    for file in sorted(p for p in fixture.rglob("*") if p.is_file()):
        seen.update(f"{file.relative_to(fixture)}\n".encode())
        seen.update(hashlib.sha256(file.read_bytes()).digest())
    return seen.hexdigest()[:24]


def found(folder, want):
    """Where the result is, or goes: a run that was asked for more answers for less."""
    unknown = set(want) - set(WANTS)
    if unknown or not want:
        raise ValueError(f"want: {sorted(unknown) or 'nothing'}; known are {', '.join(WANTS)}")
    rest = [w for w in WANTS if w not in want]
    wider = (set(want) | set(more) for count in range(len(rest) + 1) for more in combinations(rest, count))
    places = [folder / "-".join(w for w in WANTS if w in names) for names in wider]
    return next((place for place in places if finished(place)), places[0])


def finished(out):
    """Whether a driver told what came of it: one that was cut short may be asked again."""
    kept = out / "run.json"
    return kept.exists() and not json.loads(kept.read_text())["unfinished"]


def read(out):
    """The Run that a driver left in `out`."""
    kept = json.loads((out / "run.json").read_text())
    if kept["unfinished"]:
        return Run(available=False, reason=f"not run here: {kept['unfinished']}")
    kept["model"] = Path(kept["model"]) if kept["model"] else None
    kept["checkpoints"] = [Path(name) for name in kept["checkpoints"]]
    log = out / "log.txt"
    names = {one.name for one in fields(Run)}
    text = log.read_text(errors="replace") if log.exists() else ""
    return Run(available=True, log=text, **{name: value for name, value in kept.items() if name in names})


def _drive(peer, python, jobs, folder):
    """One process of the peer's interpreter for all jobs. Raises NotHereError where it ends before their end."""
    folder.mkdir(parents=True, exist_ok=True)
    listed, said = folder / f"jobs-{os.getpid()}.json", folder / f"driver-{os.getpid()}.txt"
    listed.write_text(json.dumps(jobs))
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    with said.open("w") as log:
        ended = subprocess.run(
            [str(python), str(HERE / f"drive_{peer}.py"), str(listed)],
            env=environment | PACE | OFFLINE,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    last = (said.read_text(errors="replace").strip().splitlines() or [""])[-1]
    listed.unlink()
    said.unlink()
    if ended.returncode or not all((Path(job["out"]) / "run.json").exists() for job in jobs):
        raise NotHereError(f"its driver ended with {ended.returncode}: {last}")
