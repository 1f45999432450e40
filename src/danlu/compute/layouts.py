"""Which layouts a question allows: the degrees that divide what they must, and a sentence for those that do not.

Rules: heads divide among tensor-parallel devices (Shoeybi et al. 2019, arXiv 1909.08053); layers among pipeline stages,
where embedding and head may count as layers (Llama 3, arXiv 2407.21783); rows of a step among data-parallel ranks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from danlu.compute.catalogue import Cluster
from danlu.compute.job import Layout
from danlu.compute.job.layout import Sharding
from danlu.compute.question import TRAINS_WHOLE, Question
from danlu.errors import RecipeError

_UNEVEN = 1.15  # the fullest stage against the mean: what a pipeline may lose for a degree to be tried
_LEAST_CONTEXT = 4096  # tokens that each device of a context-parallel group keeps at least
_LONG = 16_384  # rows from which context parallelism is tried


def check(question: Question) -> None:
    """Raises RecipeError with the nearest valid value where what is fixed cannot be."""
    fixed, shape, devices = question.degrees, question.architecture, question.cluster.num_devices
    for key, degree, what, number in (
        ("tp", fixed.tp, f"the {shape.num_heads} heads of {shape.name}", shape.num_heads),
        ("ep", fixed.ep, f"the experts of {shape.name}", 0 if shape.experts is None else shape.experts.count),
        ("cp", fixed.cp, f"rows of {question.rows.seq_len:,} tokens", question.rows.seq_len),
    ):
        if degree is None or degree == 1:
            continue
        if number == 0:
            raise RecipeError(f"{key}={degree} divides experts, and {shape.name} is dense; leave {key} out.")
        if number % degree:
            raise RecipeError(
                f"{key}={degree} does not divide {what}; the nearest that does is {_divisor(number, degree)}."
            )
    if fixed.pp is not None and fixed.pp > shape.num_layers:
        raise RecipeError(f"pp={fixed.pp} is more stages than {shape.name} has layers; the most is {shape.num_layers}.")
    model = (fixed.tp or 1) * (fixed.pp or 1) * (fixed.cp or 1)
    if devices % model:
        named = " x ".join(
            f"{k}={v}" for k, v in (("tp", fixed.tp), ("pp", fixed.pp), ("cp", fixed.cp)) if (v or 1) > 1
        )
        raise RecipeError(
            f"{named} needs a multiple of {model} devices, and there are {devices}; the nearest is "
            f"{max(1, round(devices / model)) * model}."
        )


def layouts(question: Question) -> Iterator[Layout]:
    """Every layout of the question that is worth a look, without variants that the search refines."""
    fixed, devices = question.degrees, question.cluster.num_devices
    for tp in _fixed_or(fixed.tp, _tensor(question)):
        for pp in _fixed_or(fixed.pp, _stages(question, devices // tp)):
            for cp in _fixed_or(fixed.cp, _contexts(question)):
                if devices % (tp * pp * cp):
                    continue
                dp = devices // (tp * pp * cp)
                for ep in _fixed_or(fixed.ep, _experts(question, dp * cp * tp)):
                    for sharding, group in _shardings(question, dp * cp, pp, tp):
                        yield Layout(
                            dp=dp,
                            tp=tp,
                            pp=pp,
                            cp=cp,
                            ep=ep,
                            sharding=sharding,
                            shard_group=group,
                            reshard=fixed.reshard is not False,
                            sequence_parallel=fixed.sequence_parallel and tp > 1,
                            virtual_stages=fixed.virtual or 1,
                            schedule=fixed.schedule or ("interleaved" if (fixed.virtual or 1) > 1 else "1f1b"),
                            offload=fixed.offload,
                        )


def least_bytes(question: Question, layout: Layout) -> float:
    """Bytes below which no layout of these degrees can go: its share of the weights alone, as they rest."""
    shape = question.architecture
    width = {"fp8": 1.0, "fp4": 0.5, "fp32": 4.0}.get(question.numerics.weights, 2.0)
    width = {"nf4": 0.5, "gptq": 0.5, "int8": 1.0}.get(question.tuning.quant, width)
    shards = layout.shards if layout.sharding == "zero3" else 1
    routed = shape.routed_parameters
    return (
        width * ((shape.num_parameters - routed) / layout.tp + routed / max(layout.tp, layout.ep)) / layout.pp / shards
    )


def _fixed_or(value: int | None, options: Iterable[int]) -> Iterable[int]:
    return options if value is None else (value,)


def _tensor(question: Question) -> Iterator[int]:
    shape, cluster = question.architecture, question.cluster
    yield 1
    if question.tuning.method not in TRAINS_WHOLE:
        return  # the usual software of fine-tuning shards, and does not split matrices
    for tp in (2, 3, 4, 5, 6, 7, 8, 12, 16):
        joined = tp <= min(cluster.link_domain, cluster.num_devices)
        if joined and shape.num_heads % tp == 0 and cluster.num_devices % tp == 0 and _shares_keys(question, tp):
            yield tp


def _shares_keys(question: Question, tp: int) -> bool:
    keys = question.architecture.num_kv_heads
    return question.architecture.latent is not None or keys % tp == 0 or tp % keys == 0


def _stages(question: Question, devices: int) -> Iterator[int]:
    yield 1
    if question.tuning.method not in TRAINS_WHOLE or question.degrees.sharding == "zero3":
        return
    layers = question.architecture.num_layers
    for pp in range(2, min(layers, devices, 64) + 1):
        even = -(-(layers + 2) // pp) * pp / (layers + 2) if layers % pp else 1.0
        if devices % pp == 0 and even <= _UNEVEN and (pp <= 8 or pp % 4 == 0):
            yield pp


def _contexts(question: Question) -> Iterator[int]:
    yield 1
    rows = question.rows.seq_len
    if rows < _LONG or question.tuning.adapted:
        return
    for cp in (2, 4, 8, 16, 32):
        if rows // cp >= _LEAST_CONTEXT and rows % (2 * cp) == 0 and question.cluster.num_devices % cp == 0:
            yield cp


def _experts(question: Question, group: int) -> Iterator[int]:
    yield 1
    experts = question.architecture.experts
    if experts is None or question.tuning.method not in TRAINS_WHOLE:
        return
    yield from (ep for ep in (2, 4, 8, 16, 32, 64, 128) if experts.count % ep == 0 and group % ep == 0)


def _shardings(question: Question, ranks: int, pp: int, tp: int) -> Iterator[tuple[Sharding, int | None]]:
    fixed = question.degrees
    if ranks == 1:
        yield "none", None
        return
    if fixed.sharding is not None:
        yield fixed.sharding, fixed.shard_group
        return
    node = _per_node(question.cluster, tp)
    if question.tuning.method in TRAINS_WHOLE:
        yield "zero1", fixed.shard_group
    else:
        yield "none", None
    if pp == 1:
        yield "zero3", fixed.shard_group
        if fixed.shard_group is None and 1 < node < ranks and ranks % node == 0:
            yield "zero3", node


def _per_node(cluster: Cluster, tp: int) -> int:
    return max(1, max(cluster.link_domain, 1) // tp)


def _divisor(number: int, degree: int) -> int:
    return min((d for d in range(1, number + 1) if number % d == 0), key=lambda d: (abs(d - degree), -d))
