"""Before step 1, everything that takes memory or disk is done once (refusal 10). No parameter changes, to the bit.

N trained parameters, T tokens of the largest micro-batch.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from danlu.errors import Refusal, StorageError
from danlu.model import Decoder, PackedAttention
from danlu.recipe import Training
from danlu.training import memory
from danlu.training.batches import MicroBatch
from danlu.training.gradient import gradient
from danlu.training.masters import Masters
from danlu.training.objective.language import CHUNK

_PROBE = 64  # tokens
_MARGIN = 1.25  # temporaries that autograd does not keep, and what the allocator cannot reuse

_ALLOCATION = re.compile("out of memory|allocate memory")  # CUDA's words, and the CPU allocator's


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """Memory of the whole process at the peak of a step: predicted from two short forward passes, and measured."""

    predicted_memory_bytes: int
    peak_memory_bytes: int


def rehearse(
    config: Training,
    decoder: Decoder,
    masters: Masters,
    micro: MicroBatch,
    *,
    new_optimizer: Callable[[], torch.optim.Optimizer],
    save: Callable[[torch.optim.Optimizer], Path],
) -> Rehearsed:
    """Go through one step on the largest micro-batch and through a save, leaving parameters as they were.

    save: writes a snapshot somewhere and names the file, which is deleted. Raises Refusal 10 where memory would
    not suffice, StorageError where the disk would not.
    """
    adds = _step_bytes(config, decoder, masters, micro)
    used = memory.used_bytes()
    predicted, limit = used + int(adds), used + memory.available_bytes()
    if predicted > limit:
        raise _refusal(config, micro, f"a step is predicted to take {_gib(predicted)}, and there are {_gib(limit)}")
    with _out_of_memory(config, micro, limit), memory.PeakMemory() as peak:
        gradient(decoder, [micro], recompute=config.recompute)
        optimizer = new_optimizer()
        for group in optimizer.param_groups:
            group["lr"] = 0.0
        for master in masters.values():
            if master.grad is not None:
                master.grad.zero_()  # moments of zero and a rate of zero: each parameter gets −0 added
        optimizer.step()
        masters.publish()
        optimizer.zero_grad(set_to_none=True)
        written = save(optimizer)
    _check_disk(written, decoder)
    if peak.bytes > limit:
        raise _refusal(config, micro, f"a step took {_gib(peak.bytes)}, and there are {_gib(limit)}")
    return Rehearsed(predicted, peak.bytes)


def _step_bytes(config: Training, decoder: Decoder, masters: Masters, micro: MicroBatch) -> float:
    """What a step adds: gradients and two moments in fp32, activations kept for backward, one chunk of logits."""
    sizes = [4 * master.numel() for master in masters.values()]
    state = 3 * sum(sizes) + 2 * max(sizes)  # and AdamW's temporaries
    chunk = min(CHUNK, len(micro.predicting)) * decoder.config.vocab_size * (4 + 2 + 2)
    return state + _MARGIN * (_kept_bytes(config, decoder, micro) + chunk)


def _kept_bytes(config: Training, decoder: Decoder, micro: MicroBatch) -> float:
    """Bytes that autograd keeps of the micro-batch, from the line through two short forward passes."""
    few = min(_PROBE, len(micro.ids))
    fewer = few // 2
    at_few, at_fewer = (_count_kept(decoder, micro.ids[:count]) for count in (few, fewer))
    kept = at_few + (at_few - at_fewer) / (few - fewer) * (len(micro.ids) - few)
    if config.recompute:  # one layer's, and every layer's input
        inputs = len(micro.ids) * decoder.config.width * decoder.head_weight.element_size()
        return kept / decoder.config.num_layers + inputs * decoder.config.num_layers
    return kept


def _count_kept(decoder: Decoder, ids: Tensor) -> int:
    weights = {p.untyped_storage().data_ptr() for p in decoder.parameters()}
    kept: dict[int, int] = {}

    def count(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    attend = PackedAttention([len(ids)])
    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        hidden = decoder.hidden(ids, attend.positions, attend)
    total = sum(kept.values())
    del hidden  # until here it kept the counted tensors alive, so that no address came up twice
    return total


@contextmanager
def _out_of_memory(config: Training, micro: MicroBatch, limit: int) -> Iterator[None]:
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not _ALLOCATION.search(str(error)):
            raise
        raise _refusal(config, micro, f"a step took more than the {_gib(limit)} that there are") from error


def _refusal(config: Training, micro: MicroBatch, what: str) -> Refusal:
    lower = []
    if not config.recompute:
        lower.append("set training.recompute: true")
    if config.micro_batch_tokens is not None:
        lower.append("lower training.micro_batch_tokens")
    lower.append("lower data.max_length")
    if config.adapter.kind == "full":
        lower.append("set training.adapter.kind: lora")
    return Refusal(
        10, f"{what} (its largest micro-batch has {len(micro.ids)} tokens). To need less: {', or '.join(lower)}."
    )


def _check_disk(snapshot: Path, decoder: Decoder) -> None:
    """Two snapshots are kept while a third is written; then comes the model in bf16, and the adapter."""
    size = snapshot.stat().st_size
    snapshot.unlink()
    needed = 4 * size + 2 * sum(p.numel() for p in decoder.parameters())
    free = shutil.disk_usage(snapshot.parent).free
    if needed > free:
        raise StorageError(
            f"{snapshot.parent}: training will write up to {_gib(needed)}, and the disk has {_gib(free)} left. "
            "Free some space and run the same command again."
        )


def _gib(count: int) -> str:
    return f"{count / 2**30:.2f} GiB"
