"""A step on several processes of this machine, their gradients added up.

Rank 0 holds masters, optimiser and files. Before a step it sends the others the trained weights and their packs; after
it they send back their part of the loss and of the gradient, which rank 0 adds in the order of ranks, so the bits are
the same each time. What changes lives in one place: ranks cannot drift apart, and a snapshot knows nothing of them.
Source: Li et al. 2014, "Scaling distributed machine learning with the parameter server"; transport: gloo, over TCP.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from torch import Tensor

from danlu.errors import DanluError, Refusal
from danlu.recipe import Training
from danlu.tokens import Shards
from danlu.training import memory
from danlu.training.batches import Sizes, deal
from danlu.training.checks import check_packing
from danlu.training.worker import Worker

ALLOCATION = re.compile("out of memory|allocate memory")  # CUDA's words, and the CPU allocator's
_PROGRAM = "from danlu.training.parallel import follow; follow()"
_MEETING = timedelta(minutes=2)
_WAIT = timedelta(days=365)  # a laptop may sleep; a rank that has ended is seen at once, its connection is closed


class TrainingError(DanluError):
    """Training that cannot go on: a loss that is not a number, a rank that ended."""


class RankEnded(TrainingError):  # noqa: N818  an end, not a mistake
    """Another rank's process is gone."""


class Ranks:
    """The processes that share the steps of a run, as rank 0 sees them. Alone it starts none and loads nothing."""

    def __init__(self, count: int, config: Training, base: Path, dataset: Path) -> None:
        self.count = count
        self._job = {"config": config.model_dump(mode="json"), "base": str(base), "dataset": str(dataset)}
        self._others: list[_Other] = []
        self._lent_s = 0.0
        self._ending = contextlib.ExitStack()

    def __enter__(self) -> Ranks:
        """Start the other ranks, which make ready while rank 0 does."""
        if self.count > 1:
            folder = self._ending.enter_context(tempfile.TemporaryDirectory(prefix="danlu-ranks-"))
            self._meeting = str(Path(folder) / "meeting")
        for rank in range(1, self.count):
            place = {"rank": rank, "ranks": self.count, "meeting": self._meeting, "threads": torch.get_num_threads()}
            self._others.append(_Other(rank, self.count, {**self._job, **place}))
            self._ending.callback(self._others[-1].end)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End them, however the block ends. They hold nothing that could be lost."""
        self._ending.close()

    def meet(self, steps: Sequence[Sequence[int]]) -> None:
        """Wait until every rank is ready. Raises what went wrong there, and DanluError where most would idle."""
        idle = sum(len(packs) < self.count for packs in steps)
        if 2 * idle > len(steps):
            raise DanluError(
                f"ranks: {self.count}, but {idle} of {len(steps)} steps hold fewer packs than that, so a rank would "
                "have nothing to do. Raise training.batch_tokens, lower data.max_length, or take fewer ranks."
            )
        for other in self._others:
            other.wait()
        if self._others:
            group = _group(self._meeting, 0, self.count)
            for other in self._others:
                other.line = _Line(group, other.rank)

    def gradient(self, worker: Worker, sizes: Sizes, packs: Sequence[int]) -> float:
        """Add the gradient of the packs' mean loss to worker's masters, each rank doing a share; returns that loss."""
        count = sum(sizes[pack][1] for pack in packs)
        return self._add_up(worker, deal(sizes, packs, self.count), count)

    def rehearse(self, worker: Worker, packs: Sequence[int]) -> None:
        """Let every rank compute the gradient of the same packs at the same time."""
        self._add_up(worker, [packs] * self.count, 1)

    def _add_up(self, worker: Worker, shares: Sequence[Sequence[int]], count: int) -> float:
        if self._others:
            weights = _laid_out(worker)
            for other, share in zip(self._others, shares[1:], strict=True):
                other.ask(share, count, weights)
        loss = worker.gradient(shares[0], count)
        for other in self._others:
            part, cpu_s = other.answer(worker.masters)
            loss += part
            self._lent_s += cpu_s
        return loss

    def cpu_s(self) -> float:
        """Seconds of processor time that this process has used, and that the others have lent it."""
        return time.process_time() + self._lent_s

    def memory_bytes(self) -> int:
        """Resident memory of all ranks; what they share counts for each."""
        return memory.used_bytes(self.pids)

    @property
    def pids(self) -> tuple[int, ...]:
        """The other ranks' processes."""
        return tuple(other.process.pid for other in self._others)


class _Other:
    """Another rank's process, and the line to it."""

    line: _Line

    def __init__(self, rank: int, ranks: int, job: Mapping[str, Any]) -> None:
        self.rank, self._name = rank, f"rank {rank} of {ranks}"
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for rank 0, which ends the others when it has saved
        )
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()

    def wait(self) -> None:
        """Until it is ready."""
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        if said != _READY:
            raise self._ended(said)

    def ask(self, packs: Sequence[int], count: int, weights: Tensor) -> None:
        """Let it compute its part of a gradient."""
        try:
            self.line.send(torch.tensor([len(packs), count]))
            self.line.send(torch.tensor([*packs, -1]))
            self.line.send(weights)
        except RuntimeError as error:
            raise self._ended() from error

    def answer(self, masters: Mapping[str, Tensor]) -> tuple[float, float]:
        """Add its gradient to the masters'; returns its part of the loss, and the seconds of processor time it took."""
        try:
            loss, cpu_s = self.line.receive(torch.empty(2, dtype=torch.float64)).tolist()
            parts = self.line.receive(torch.empty(sum(m.numel() for m in masters.values()))).split(
                [m.numel() for m in masters.values()]
            )
        except RuntimeError as error:
            raise self._ended() from error
        for master, part in zip(masters.values(), parts, strict=True):
            if master.grad is None:
                master.grad = part.view_as(master).clone()
            else:
                master.grad += part.view_as(master)
        return loss, cpu_s

    def end(self) -> None:
        """At once."""
        self.process.kill()
        self.process.communicate()

    def _ended(self, said: str = "") -> Exception:
        """Why, in its own words if it found any."""
        assert self.process.stdout is not None
        said = said or self.process.stdout.readline()
        code = self.process.wait(10)
        if said:
            last = json.loads(said)
            if last["refusal"] is not None:
                return Refusal(last["refusal"], last["message"])
            if ALLOCATION.search(last["message"]):
                return MemoryError(f"{self._name}: {last['message']}")
            return RankEnded(f"{self._name} ended: {last['message']}")
        how = f"was killed (signal {-code}), as happens where memory runs out" if code < 0 else f"ended ({code})"
        return RankEnded(f"{self._name} {how}. What was finished is kept: the same command continues.")


class _Line:
    """Tensors to and from one rank. Raises RuntimeError when that has ended."""

    def __init__(self, group: Any, rank: int) -> None:
        self._group, self._rank = group, rank

    def send(self, tensor: Tensor) -> None:
        """Returns when it is on its way."""
        self._group.send([tensor], self._rank, 0).wait()

    def receive(self, into: Tensor) -> Tensor:
        """Waits for a tensor of the same size and type."""
        self._group.recv([into], self._rank, 0).wait()
        return into


def _group(meeting: str, rank: int, ranks: int) -> Any:
    """A group of our own beside torch's global one, on this machine alone."""
    from torch import distributed

    typed_in_part: Any = distributed
    gloo = typed_in_part.ProcessGroupGloo
    store = typed_in_part.FileStore(meeting, ranks)
    store.set_timeout(_MEETING)
    options = gloo._Options()
    options._devices = [gloo.create_device(hostname="127.0.0.1")]
    options._timeout = _WAIT
    return gloo(store, rank, ranks, options)


_READY = "ready\n"


def follow() -> None:
    """Be another rank than 0: compute what rank 0 asks for until it is gone. Errors are said on standard output."""
    job = json.loads(sys.stdin.readline())
    try:
        torch.set_num_threads(job["threads"])
        worker = Worker.ready(Training.model_validate(job["config"]), Path(job["base"]), Shards(Path(job["dataset"])))
        check_packing(worker.decoder, worker.shards)
        sys.stdout.write(_READY)
        sys.stdout.flush()
        _follow(worker, _Line(_group(job["meeting"], job["rank"], job["ranks"]), 0))
    except Exception as error:
        number = error.number if isinstance(error, Refusal) else None
        message = str(error) if isinstance(error, DanluError) else f"{type(error).__name__}: {error}"
        sys.stdout.write(json.dumps({"refusal": number, "message": message}) + "\n")
        sys.stdout.flush()
        if not isinstance(error, DanluError) and not ALLOCATION.search(message):
            raise
        sys.exit(1)


def _follow(worker: Worker, line: _Line) -> None:
    weights = _laid_out(worker)
    while True:
        try:
            number, count = line.receive(torch.empty(2, dtype=torch.int64)).tolist()
            *packs, _ = line.receive(torch.empty(number + 1, dtype=torch.int64)).tolist()
            line.receive(weights)
        except RuntimeError:  # rank 0 is gone
            return
        began = time.process_time()
        _put_back(weights, worker)
        loss = worker.gradient(packs, count)
        parts = [torch.zeros_like(m) if m.grad is None else m.grad for m in worker.masters.values()]
        flat = torch.cat([part.flatten() for part in parts])
        for master in worker.masters.values():
            master.grad = None
        spent = torch.tensor([loss, time.process_time() - began], dtype=torch.float64)
        try:
            line.send(spent)
            line.send(flat)
        except RuntimeError:
            return


def _trained(worker: Worker) -> list[Tensor]:
    """Bytes of every trained weight, in place."""
    return [p.detach().view(-1).view(torch.uint8) for p in worker.decoder.parameters() if p.requires_grad]


def _laid_out(worker: Worker) -> Tensor:
    """Bytes of all trained weights, one after the other."""
    return torch.cat(_trained(worker))


def _put_back(weights: Tensor, worker: Worker) -> None:
    places = _trained(worker)
    for place, part in zip(places, weights.split([len(p) for p in places]), strict=True):
        place.copy_(part)
