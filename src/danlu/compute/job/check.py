"""Whether a job can be laid out as it says, before anyone computes with it."""

from __future__ import annotations

from collections.abc import Callable

from danlu.compute.job.job import Job
from danlu.errors import RecipeError


def check(job: Job) -> None:
    """Raises RecipeError with the nearest valid value where layout, batch and model do not fit together."""
    _devices(job)
    _model(job)
    _batch(job)


def _devices(job: Job) -> None:
    layout, devices = job.layout, job.cluster.num_devices
    if devices < 1:
        raise RecipeError(f"{devices} devices: a run needs one at least. Use 1.")
    for name in ("dp", "tp", "pp", "cp", "ep", "virtual_stages"):
        if getattr(layout, name) < 1:
            raise RecipeError(f"{name}={getattr(layout, name)}: a degree of parallelism is 1 or more. Use {name}=1.")
    if layout.num_devices != devices:
        said = f"dp={layout.dp} x tp={layout.tp} x pp={layout.pp} x cp={layout.cp}"
        model = layout.tp * layout.pp * layout.cp
        near = max(1, round(devices / model))
        fix = f"dp={near}" if near * model == devices else f"dp={near} on {near * model} devices"
        raise RecipeError(f"{said} = {layout.num_devices}, but there are {devices} devices. Use {fix}.")


def _model(job: Job) -> None:
    layout, shape = job.layout, job.architecture
    heads, kv = shape.num_heads, shape.num_kv_heads
    if heads % layout.tp or (shape.latent is None and kv % layout.tp and layout.tp % kv):
        near = _nearest(layout.tp, heads, lambda tp: heads % tp == 0 and (kv % tp == 0 or tp % kv == 0))
        raise RecipeError(
            f"tp={layout.tp} does not divide the {heads} heads ({kv} for keys and values) of {shape.name}. "
            f"Use tp={near}."
        )
    if layout.pp * layout.virtual_stages > shape.num_layers:
        virtual = f" x {layout.virtual_stages} virtual stages" if layout.virtual_stages > 1 else ""
        near = max(1, shape.num_layers // layout.virtual_stages)
        raise RecipeError(
            f"pp={layout.pp}{virtual} is more than the {shape.num_layers} layers of {shape.name}. "
            f"Use pp={near} at most."
        )
    if layout.virtual_stages > 1 and layout.pp == 1:
        raise RecipeError("virtual stages need a pipeline. Use virtual_stages=1, or pp=2 at least.")
    if layout.ep > 1 and shape.experts is None:
        raise RecipeError(f"ep={layout.ep}, but {shape.name} has no experts. Use ep=1.")
    if shape.experts is not None and layout.ep > 1:
        count, group = shape.experts.count, layout.dp * layout.cp * layout.tp
        if count % layout.ep or group % layout.ep:
            near = _nearest(layout.ep, count, lambda ep: count % ep == 0 and group % ep == 0)
            raise RecipeError(
                f"ep={layout.ep} does not divide both the {count} experts and the {group} devices of a stage. "
                f"Use ep={near}."
            )


def _batch(job: Job) -> None:
    batch, layout = job.batch, job.layout
    if batch.seq_len < 1 or batch.sequences < 1 or batch.micro < 1:
        raise RecipeError("sequence length, sequences of a step and micro-batch are 1 or more each. Use 1 at least.")
    if batch.sequences % layout.dp:
        low, high = batch.sequences // layout.dp * layout.dp, -(-batch.sequences // layout.dp) * layout.dp
        near = low if low and batch.sequences - low <= high - batch.sequences else high
        raise RecipeError(
            f"{batch.sequences} sequences do not divide among {layout.dp} data-parallel ranks. Use {near}."
        )
    rows = batch.sequences // layout.dp
    if rows % batch.micro:
        near = _nearest(batch.micro, rows, lambda micro: rows % micro == 0)
        raise RecipeError(f"a micro-batch of {batch.micro} does not divide a rank's {rows} sequences. Use {near}.")
    if batch.seq_len % layout.cp:
        near = _nearest(layout.cp, batch.seq_len, lambda cp: batch.seq_len % cp == 0)
        raise RecipeError(f"cp={layout.cp} does not divide the sequence of {batch.seq_len} tokens. Use cp={near}.")


def _nearest(wanted: int, limit: int, fits: Callable[[int], bool]) -> int:
    """The number from 1 to limit that fits and is nearest by ratio; 1 always fits."""
    found = [n for n in range(1, min(limit, 4 * wanted) + 1) if fits(n)] or [1]
    return min(found, key=lambda n: max(n / wanted, wanted / n))
