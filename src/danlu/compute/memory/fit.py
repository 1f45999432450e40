"""Whether a job fits on its devices, how long its rows may be, and which single change would make it fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from danlu.compute.catalogue import CATALOGUE, Cluster, Device
from danlu.compute.job import Job
from danlu.compute.memory.constants import MEMORY, MemoryConstants
from danlu.compute.memory.memory import RESTS, collective_bytes, memory

_MOST_TOKENS = 2**24  # of a row that is asked for
_LEAST_TOKENS = 256  # rows shorter than this help nobody
_SHOWN = 4


def needed_bytes(job: Job, constants: MemoryConstants = MEMORY) -> float:
    """What the card must have: tensors at their peak, gaps between them, and the device's context.

    Less than nvidia-smi shows on a larger card, where the allocator keeps what it could give back.
    """
    tensors = memory(replace(job, software=replace(job.software, counter="allocated")), constants)
    gaps = constants.scatter * sum(value for name, value in tensors.items.items() if name not in RESTS)
    return tensors.peak_bytes + gaps + constants.context_bytes + collective_bytes(job, constants)


def reserve_bytes(device: Device) -> float:
    """What a run had better leave: a display, other programs, a longer row than any met so far."""
    return device.memory_bytes - device.usable_bytes


def fits(job: Job, device: Device | None = None, constants: MemoryConstants = MEMORY) -> bool:
    """Whether the fullest device holds its share and leaves the reserve; `device`: of another kind than the job's."""
    return needed_bytes(job, constants) <= (device or job.cluster.device).usable_bytes


def max_context(job: Job, constants: MemoryConstants = MEMORY) -> int:
    """Tokens of the longest rows that fit, all of them filled; 0 where even one token does not."""
    return _largest(lambda length: fits(with_context(job, length), None, constants), _MOST_TOKENS)


def max_micro_batch(job: Job, constants: MemoryConstants = MEMORY) -> int:
    """Rows of the largest forward pass that fits; 0 where not even one does. No more than a rank has in a step."""
    rows = max(1, job.batch.sequences // job.layout.dp)
    return _largest(lambda micro: fits(with_micro(job, micro), None, constants), rows)


def _largest(holds: Callable[[int], bool], limit: int) -> int:
    """The largest number up to limit for which it holds, if it holds for all below."""
    low, high = 0, 1
    while high <= limit and holds(high):
        low, high = high, 2 * high
    high = min(high, limit + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def with_context(job: Job, seq_len: int) -> Job:
    """The job with every row of that length."""
    return replace(job, batch=replace(job.batch, seq_len=seq_len, longest=None, mean=None, document=None))


def with_micro(job: Job, micro: int) -> Job:
    """The job with so many rows in a forward pass."""
    return replace(job, batch=replace(job.batch, micro=micro))


def remedies(job: Job, constants: MemoryConstants = MEMORY) -> tuple[str, ...]:
    """Single changes with which the job fits, gentlest first; else those that help most, and the card that holds it.

    Empty where the job fits as it is.
    """
    if fits(job, None, constants):
        return ()
    usable = job.cluster.device.usable_bytes
    tried = [(words, needed_bytes(changed, constants)) for words, changed in _changes(job)]
    found = [f"{words}: fits, {needed / 1e9:.1f} GB" for words, needed in tried if needed <= usable]
    context = max_context(job, constants)
    if _LEAST_TOKENS <= context < job.batch.seq_len:
        length = context // 128 * 128
        found.append(f"rows of {length:,} tokens in place of {job.batch.seq_len:,}: fits")
    if any(needed <= usable for _, needed in tried):
        return tuple(found[:_SHOWN])
    for words, changed in _together(job):
        needed = needed_bytes(changed, constants)
        if needed <= usable:
            found.append(f"{words}, together: fits, {needed / 1e9:.1f} GB")
            break
    found.extend(_cards(job, constants))
    return tuple(found) or ("no card of the catalogue holds it; take a smaller model or more devices",)


def _cards(job: Job, constants: MemoryConstants) -> tuple[str, ...]:
    """The smallest card that holds the job as it is; more of the same card where one shares states out."""
    needed = needed_bytes(job, constants)
    larger = sorted((c for c in CATALOGUE.values() if c.kind != "cpu"), key=lambda card: card.memory_bytes)
    card = next((c for c in larger if c.usable_bytes >= needed), None)
    found = [f"a {card.name} holds it: {needed / 1e9:.0f} GB"] if card else []
    count = job.layout.num_devices
    while count < 8:
        count *= 2
        spread = _spread(job, count)
        if fits(spread, None, constants):
            found.append(
                f"{count} devices with full sharding: fits, {needed_bytes(spread, constants) / 1e9:.1f} GB each"
            )
            break
    return tuple(found)


def _spread(job: Job, count: int) -> Job:
    grown = count // job.layout.num_devices
    layout = replace(job.layout, dp=job.layout.dp * grown, sharding="zero3", shard_group=None)
    batch = replace(job.batch, sequences=max(job.batch.sequences, layout.dp * job.batch.micro))
    return replace(job, layout=layout, batch=batch, cluster=Cluster.of(job.cluster.device, count))


def _changes(job: Job) -> Iterator[tuple[str, Job]]:
    """(the change in words, the job with it), those that cost least in time or quality first."""
    batch, tuning, layout = job.batch, job.tuning, job.layout
    if job.software.attention == "eager":
        yield "flash attention", replace(job, software=replace(job.software, attention="flash"))
    if job.software.loss in {"full", "kernel"}:
        yield "a loss by chunks (no whole logits)", replace(job, software=replace(job.software, loss="fused"))
    if batch.micro > 1:
        yield "one row in a forward pass", with_micro(job, 1)
    if job.recompute != "full":
        yield "recomputing activations", replace(job, recompute="full")
    if layout.dp * layout.cp > 1 and layout.sharding != "zero3":
        yield "full sharding of weights and states", replace(job, layout=replace(layout, sharding="zero3"))
    if not tuning.adapted and job.optimiser == "adamw":
        yield "8-bit AdamW", replace(job, optimiser="adamw8bit")
    if tuning.quant == "none" and tuning.method == "lora":
        yield "a base in 4 bits (QLoRA)", replace(job, tuning=replace(tuning, method="qlora", quant="nf4"))
    if not tuning.adapted and tuning.method != "pretrain":
        yield "LoRA in place of all weights", _adapted(job, "none")
        yield "QLoRA in place of all weights", _adapted(job, "nf4")
    if not layout.offload and not tuning.adapted:
        yield "the optimiser's states in the host's memory", replace(job, layout=replace(layout, offload=True))


def _adapted(job: Job, quant: str) -> Job:
    """Adapters on all linear matrices over a base as stored that way."""
    method = job.tuning.method
    if method in {"full", "lora"}:
        method = "lora" if quant == "none" else "qlora"
    tuning = replace(job.tuning, method=method, adapter=True, targets=(), quant="nf4" if quant == "nf4" else "none")
    return replace(job, tuning=tuning, numerics=replace(job.numerics, weights="bf16", masters=False))


def _together(job: Job) -> Iterator[tuple[str, Job]]:
    """Every change that keeps the method, one upon the other; then the same for a 4-bit base with adapters."""
    yield _heaped(job, ())
    if job.tuning.quant == "none" and job.tuning.method != "pretrain":
        yield _heaped(_adapted(job, "nf4"), ("QLoRA",))


def _heaped(job: Job, before: tuple[str, ...]) -> tuple[str, Job]:
    words, changed = list(before), job
    while True:
        step = next(((w, j) for w, j in _changes(changed) if w not in words and " in place of " not in w), None)
        if step is None:
            return ", ".join(words), changed
        words.append(step[0])
        changed = step[1]
