"""Before step 1, everything that takes memory or disk is done once (refusal 10). No parameter changes, to the bit.

N trained parameters, T tokens of the largest micro-batch.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from danlu.errors import Refusal, StorageError
from danlu.model import Decoder, PackedAttention
from danlu.recipe import Training
from danlu.training import memory
from danlu.training.batches import MicroBatch, micro_batches
from danlu.training.objective.language import CHUNK
from danlu.training.parallel import ALLOCATION, Ranks
from danlu.training.worker import Worker

_PROBE = 64  # tokens
_MARGIN = 1.25  # temporaries that autograd does not keep, and what the allocator cannot reuse


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """Memory of the whole process at the peak of a step: predicted from two short forward passes, and measured."""

    predicted_memory_bytes: int
    peak_memory_bytes: int


def rehearse(
    ranks: Ranks,
    worker: Worker,
    packs: Sequence[int],
    *,
    new_optimizer: Callable[[], torch.optim.Optimizer],
    save: Callable[[torch.optim.Optimizer], Path],
) -> Rehearsed:
    """Go through one step on the largest micro-batch and through a save, leaving parameters as they were.

    packs: of that micro-batch; every rank computes it at once. save: writes a snapshot somewhere and names the file,
    which is deleted. Raises Refusal 10 where memory would not suffice, StorageError where the disk would not.
    """
    config, masters = worker.config, worker.masters
    (micro,) = micro_batches(worker.shards, packs, config.micro_batch_tokens)
    adds = _step_bytes(worker, micro, ranks.count)
    used = ranks.memory_bytes()
    predicted, limit = used + int(adds), used + memory.available_bytes()
    if predicted > limit:
        raise _refusal(config, micro, f"a step is predicted to take {_gib(predicted)}, and there are {_gib(limit)}")
    with _out_of_memory(config, micro, limit), memory.PeakMemory(ranks.pids) as peak:
        ranks.rehearse(worker, packs)
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
    _check_disk(written, worker.decoder)
    if peak.bytes > limit:
        raise _refusal(config, micro, f"a step took {_gib(peak.bytes)}, and there are {_gib(limit)}")
    return Rehearsed(predicted, peak.bytes)


def _step_bytes(worker: Worker, micro: MicroBatch, ranks: int) -> float:
    """What a step adds: gradients and two moments in fp32, activations kept for backward, one chunk of logits.

    Each other rank has gradients, activations and a chunk too, and sends its gradients laid out; they arrive here.
    """
    sizes = [4 * master.numel() for master in worker.masters.values()]
    state = 3 * sum(sizes) + 2 * max(sizes)  # and AdamW's temporaries
    chunk = min(CHUNK, len(micro.predicting)) * worker.decoder.config.vocab_size * (4 + 2 + 2)
    activations = _MARGIN * (_kept_bytes(worker.config, worker.decoder, micro) + chunk)
    return state + activations + (ranks - 1) * (2 * sum(sizes) + activations) + (sum(sizes) if ranks > 1 else 0)


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
        if isinstance(error, RuntimeError) and not ALLOCATION.search(str(error)):
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
