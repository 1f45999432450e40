"""What a peer's batches, losses and weights come to, reckoned with the fixture's own base."""

from __future__ import annotations

import functools
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from silent import material
from silent.case import Finding, Run

Batch = dict[str, Any]


@functools.cache
def _base(arguments: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="silent-judge-"))
    material.write_base(folder, **json.loads(arguments))
    return folder


def base(**arguments: Any) -> Path:
    """A base as `material.write_base` makes it; the same bytes as the fixture's."""
    return _base(json.dumps(arguments, sort_keys=True))


def summed_loss(folder: Path, ids: Sequence[int], labels: Sequence[int]) -> tuple[float, int]:
    """Sum of −log p of the labels that are not −100, each predicted from the token before it; and how many."""
    import torch

    from danlu.model import PackedAttention, load

    with torch.no_grad():
        decoder = load(folder, torch.float32)
        attend = PackedAttention([len(ids)])
        hidden = decoder.hidden(torch.tensor(ids), attend.positions, attend)
        logprobs = torch.log_softmax(decoder.logits(hidden).float(), -1)
        told = [(i, label) for i, label in enumerate(labels) if i and label != -100]
        return -sum(float(logprobs[i - 1, label]) for i, label in told), len(told)


def token_mean(folder: Path, batches: Sequence[Batch]) -> float:
    """Mean loss over every supervised token of some micro-batches."""
    sums = [_of(folder, batch) for batch in batches]
    return sum(total for total, _ in sums) / max(sum(count for _, count in sums), 1)


def mean_of_means(folder: Path, batches: Sequence[Batch]) -> float:
    """Mean of the micro-batches' own means: what a loss normalised by micro-batch comes to."""
    means = [total / max(count, 1) for total, count in (_of(folder, batch) for batch in batches)]
    return sum(means) / len(means)


def _of(folder: Path, batch: Batch) -> tuple[float, int]:
    """Rows without their padding, each alone. Rows are not packed."""
    total, number = 0.0, 0
    masks = batch["attention_mask"] or [[1] * len(row) for row in batch["input_ids"]]
    for ids, labels, mask in zip(batch["input_ids"], batch["labels"], masks, strict=True):
        kept = [i for i, real in enumerate(mask) if real]
        lost, count = summed_loss(folder, [ids[i] for i in kept], [labels[i] for i in kept])
        total, number = total + lost, number + count
    return total, number


def weights(folder: Path) -> dict[str, Any]:
    """Every tensor of a checkpoint, in fp32, by the name that transformers gives it."""
    from safetensors.torch import load_file

    found: dict[str, Any] = {}
    for path in sorted(folder.glob("*.safetensors")):
        found |= {name: value.float() for name, value in load_file(path).items()}
    return found


def missing(run: Run, *parts: str) -> Finding | None:
    """A finding where the peer is not here, refused, or brought nothing of what is judged."""
    if not run.available:
        return Finding("not run here", run.reason)
    if run.refused is not None:
        return Finding("refused", run.refused)
    empty = [part for part in parts if not getattr(run, part)]
    return Finding("not run here", f"the run brought no {', '.join(empty)}") if empty else None


def told(run: Run, *words: str) -> str | None:
    """The first warning that holds one of the words."""
    return next((text for text in run.warnings if any(word in text.lower() for word in words)), None)
