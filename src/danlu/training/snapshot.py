"""Resumable checkpoints: everything a run needs to go on bit for bit, written whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from danlu.artefact import replacing
from danlu.errors import Waivers

_KEPT = 2


@dataclass(frozen=True, slots=True)
class Snapshot:
    """State after `step` steps: fp32 masters by name, the optimiser's own state, the trajectory's rows.

    fingerprint names what led here (data, base, recipe, code, …), spent what it took (cpu_s, wall_s, memory).
    """

    step: int
    fingerprint: dict[str, str]
    parameters: dict[str, Tensor]
    optimizer: dict[str, Any]
    rows: list[dict[str, float]]
    spent: dict[str, float]

    def save(self, folder: Path) -> None:
        """Write, then drop all but the newest snapshots."""
        self.write(folder / f"step-{self.step:08d}.pt")
        for old in sorted(folder.glob("step-*.pt"))[:-_KEPT]:
            old.unlink()

    def write(self, path: Path) -> None:
        """Write to `path`, whole or not at all."""
        with replacing(path) as neighbour, neighbour.open("wb") as handle:
            try:
                torch.save({field.name: getattr(self, field.name) for field in fields(self)}, handle)
            except RuntimeError as error:
                if isinstance(error.__context__, OSError):  # torch covers a full disk with an error of its own
                    raise error.__context__ from error
                raise


def latest(folder: Path, fingerprint: dict[str, str], waivers: Waivers) -> Snapshot | None:
    """The newest snapshot, if there is one. Refusal 9 (it can be accepted) if what led to it has changed since."""
    found = sorted(folder.glob("step-*.pt"))
    if not found:
        return None
    snapshot = Snapshot(**torch.load(found[-1], weights_only=True))
    check_unchanged(snapshot.fingerprint, fingerprint, f"{found[-1]}: step {snapshot.step}", waivers)
    return snapshot


def check_unchanged(before: dict[str, str], now: dict[str, str], where: str, waivers: Waivers) -> None:
    """Refusal 9, naming the parts that changed, unless `now` is what led to the state at `where`."""
    changed = [part for part in now if before.get(part) != now[part]]
    if changed:
        waivers.refuse(
            9,
            f"{where} was reached with another {', '.join(changed)}, so continuing from it would mix two runs. "
            "Start a new run, or restore what it was.",
        )
