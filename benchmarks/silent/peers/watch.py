"""What every driver shares: carries each fixture out in a child of its own and writes down what its trainer did.

All three peers train by a subclass of transformers' Trainer. So the driver runs the peer as its users do, and the watch
stands at `Trainer.train` and `Trainer.training_step`: nothing of the peer's preprocessing is done again here.

    python drive_PEER.py JOBS.json      (JOBS: [{"fixture", "out", "want", "time_limit_s"}]; gives each out/run.json)

Runs in the peer's environment, without danlu. The peer is imported once: the children are forked from it.
"""

import json
import logging
import os
import random
import shutil
import signal
import sys
import time
import traceback
import warnings
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

PARTS = ("input_ids", "labels", "position_ids", "attention_mask")
QUIET = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "WANDB_DISABLED": "true", "DO_NOT_TRACK": "1"}


class Enough(BaseException):
    """What was wanted is known: the peer need not train. A BaseException, so that no peer's `except` catches it."""


@dataclass
class Job:
    """A fixture, a folder for what comes of it, and what is wanted of it: batches, losses, leak, model."""

    fixture: Path
    out: Path
    want: list[str]
    time_limit_s: float = 300.0

    def __post_init__(self):
        self.fixture, self.out = Path(self.fixture), Path(self.out)

    @property
    def settings(self):
        return json.loads((self.fixture / "settings.json").read_text())

    @property
    def training(self):
        return self.fixture / "train.jsonl"

    @property
    def evaluation(self):
        """The file to evaluate on, or None."""
        file = self.fixture / "eval.jsonl"
        return file if file.exists() else None

    def extra(self, peer):
        """Keys as the user would have typed them: `extra` is for every peer, `extra.PEER` for one."""
        found = dict(self.settings.get("extra") or {})
        own = {
            name: found.pop(name) for name in ("trl", "llamafactory", "axolotl") if isinstance(found.get(name), dict)
        }
        return found | own.get(peer, {})


@dataclass
class Record:
    """What the trainer did. The fields are those of `peers.Run`; unfinished says why nothing can be told."""

    unfinished: str | None = None
    refused: str | None = None
    warnings: list = field(default_factory=list)
    batches: list = field(default_factory=list)
    trained: list = field(default_factory=list)
    losses: list = field(default_factory=list)
    learning_rates: list = field(default_factory=list)
    grad_norms: list = field(default_factory=list)
    eval_losses: list = field(default_factory=list)
    steps: int | None = None
    leak: float | None = None
    model: str | None = None
    checkpoints: list = field(default_factory=list)

    def warn(self, text):
        """Keep what a user would see, once."""
        text = str(text).strip()
        if text and text not in self.warnings:
            self.warnings.append(text)


def schedule_of(settings):
    """transformers' name of the learning rate's shape."""
    warms = settings["schedule"] == "constant" and settings["warmup"]
    return "constant_with_warmup" if warms else settings["schedule"]


def batch_of(inputs):
    """The (B, T) tensors of a batch as lists; what is absent, or a mask of another shape, is None."""
    shown = {part: inputs.get(part) for part in PARTS}
    return {part: t.tolist() if t is not None and t.dim() == 2 else None for part, t in shown.items()}


@contextmanager
def same_randomness():
    """Looking must not change what the training draws afterwards."""
    import numpy as np
    import torch

    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    yield
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.set_rng_state(states[2])


def leak_of(trainer):
    """How far the hidden state at a row's last supervised token moves when the row's first three tokens change.

    Of the first row of the first batch. Zero where no document sees another; a fixture that asks must pack ≥ 2 into it.
    """
    import torch

    inputs = next(iter(trainer.get_train_dataloader()))
    inner = trainer.model.get_base_model() if hasattr(trainer.model, "get_base_model") else trainer.model
    body = inner.get_decoder()
    seen = {k: inputs[k] for k in ("input_ids", "position_ids", "attention_mask") if inputs.get(k) is not None}
    changed = seen["input_ids"].clone()
    changed[:, :3] = (changed[:, :3] + 7) % inner.config.vocab_size
    last = int((inputs["labels"][0] != -100).nonzero()[-1])  # behind it there may be padding
    was = body.training
    body.eval()
    with torch.no_grad(), trainer.accelerator.autocast():  # as a step would
        before, after = (body(**(seen | {"input_ids": ids}))[0][0, last] for ids in (seen["input_ids"], changed))
    body.train(was)
    return float((before - after).abs().max())


def watch_trainer(job, record):
    """Stand at transformers' Trainer, whatever its subclass: before it trains, and at every micro-batch."""
    import transformers

    train, step = transformers.Trainer.train, transformers.Trainer.training_step

    def watched_step(self, model, inputs, *rest, **named):
        record.trained.append(batch_of(inputs))
        return step(self, model, inputs, *rest, **named)

    def watched_train(self, *rest, **named):
        with same_randomness():
            if "batches" in job.want:
                record.batches = [batch_of(inputs) for inputs in self.get_train_dataloader()]
            if "leak" in job.want:
                record.leak = leak_of(self)
        if not {"losses", "model"} & set(job.want):
            raise Enough
        try:
            return train(self, *rest, **named)
        finally:
            logged = [entry for entry in self.state.log_history if "loss" in entry]
            record.losses = [entry["loss"] for entry in logged]
            record.learning_rates = [entry.get("learning_rate") for entry in logged]
            record.grad_norms = [entry.get("grad_norm") for entry in logged]
            record.eval_losses = [entry["eval_loss"] for entry in self.state.log_history if "eval_loss" in entry]
            record.steps = self.state.max_steps
            found = Path(self.args.output_dir).glob("checkpoint-*")
            record.checkpoints = sorted(map(str, found), key=lambda name: int(name.rsplit("-", 1)[1]))
            if "model" not in job.want:
                raise Enough

    transformers.Trainer.train, transformers.Trainer.training_step = watched_train, watched_step


def watch_warnings(record):
    """Every logger that lets a warning through, and every warning that Python's filters show."""
    call = logging.Logger.callHandlers

    def watched(self, entry):
        if entry.levelno >= logging.WARNING:
            record.warn(entry.getMessage())
        return call(self, entry)

    def show(message, category, *where, **named):
        record.warn(f"{category.__name__}: {message}")
        shown(message, category, *where, **named)

    shown = warnings.showwarning
    logging.Logger.callHandlers, warnings.showwarning = watched, show


def last_line(error):
    """The line that a user sees last."""
    return " ".join(traceback.format_exception_only(error)[-1].split())


def child(job, carry_out):
    """One fixture, in a process of its own: its output goes to a file, its datasets' cache is its own."""
    import datasets

    os.setsid()  # so that its workers end with it
    log = os.open(job.out / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.chdir(job.out)  # peers write caches and reports beside where they are called
    datasets.config.HF_DATASETS_CACHE = job.out / "datasets"
    record = Record()
    watch_warnings(record)
    watch_trainer(job, record)
    try:
        model = carry_out(job)
        record.model = str(model) if model else None
    except Enough:
        pass
    except BaseException as error:  # noqa: BLE001  whatever it is, the user would see it
        traceback.print_exc()
        record.refused = last_line(error)
    write(job, record)


def write(job, record):
    (job.out / "run.json").write_text(json.dumps(asdict(record)))


def wait_for(pid, job):
    """Its exit status, or None where it ran past its limit and was ended."""
    until = time.monotonic() + job.time_limit_s
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
        time.sleep(0.05)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def drive(carry_out):
    """`carry_out(job)` runs the peer on `job.fixture` as its users do and gives the folder that they would deploy."""
    os.environ.update(QUIET)
    for entry in json.loads(Path(sys.argv[1]).read_text()):
        job = Job(**entry)
        shutil.rmtree(job.out, ignore_errors=True)  # what a run that was cut short left there
        job.out.mkdir(parents=True)
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            try:
                child(job, carry_out)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(0)
        status = wait_for(pid, job)
        if not (job.out / "run.json").exists():
            ended = f"no end within {job.time_limit_s:.0f} s" if status is None else f"its process ended ({status})"
            write(job, Record(unfinished=ended))
