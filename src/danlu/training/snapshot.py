"""Resumable checkpoints: everything a run needs to go on bit for bit, written whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from danlu.artefact import replacing
from danlu.errors import Waivers

_KEPT = 2


@dataclass(frozen=True, slots=True)
class Snapshot:
    """State after `step` steps. `fingerprint` names the data, base, recipe and code that led here."""

    step: int
    fingerprint: dict[str, str]
    parameters: dict[str, Tensor]
    optimizer: dict[str, Any]

    def save(self, folder: Path) -> None:
        """Write, then drop all but the newest snapshots."""
        with replacing(folder / f"step-{self.step:08d}.pt") as neighbour:
            torch.save(
                {name: getattr(self, name) for name in ("step", "fingerprint", "parameters", "optimizer")}, neighbour
            )
        for old in sorted(folder.glob("step-*.pt"))[:-_KEPT]:
            old.unlink()


def latest(folder: Path, fingerprint: dict[str, str], waivers: Waivers) -> Snapshot | None:
    """The newest snapshot, if there is one. Refusal 9 (it can be accepted) if what led to it has changed since."""
    found = sorted(folder.glob("step-*.pt"))
    if not found:
        return None
    snapshot = Snapshot(**torch.load(found[-1], weights_only=True))
    changed = [part for part in fingerprint if snapshot.fingerprint.get(part) != fingerprint[part]]
    if changed:
        waivers.refuse(
            9,
            f"{found[-1]}: the run cannot continue, because its {', '.join(changed)} changed since step "
            f"{snapshot.step}. Start a new run, or restore what it was.",
        )
    return snapshot
