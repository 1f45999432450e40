"""Weights, adapters, gradients and the optimiser's states of one device.

Sources: Rajbhandari et al. 2020, arXiv 1910.02054 (what data parallelism divides); Dettmers et al. 2022, arXiv
2110.02861 (8-bit states: a byte each and an fp32 scale for 256); Dettmers et al. 2023, arXiv 2305.14314 (4-bit
NormalFloat: an fp32 scale for 64 weights, itself in 8 bits where quantised twice; embedding, head and norms are not);
Frantar et al. 2023, arXiv 2210.17323 (groups of 128); Shazeer & Stern 2018, arXiv 1804.04235 (a row and a column for a
matrix's second moment); Zhao et al. 2024, arXiv 2403.03507 (moments of a low-rank projection); Hu et al. 2021, arXiv
2106.09685 (adapters).
"""

from __future__ import annotations

from dataclasses import dataclass

from danlu.compute.catalogue import ELEMENT_BYTES
from danlu.compute.job import Job
from danlu.compute.job.adapters import adapter_parameters
from danlu.compute.memory.stage import Stage, held

_STORED = {"int8": 1 + 2 / 1024, "gptq": 0.5 + (2 + 0.5) / 128}
_GALORE_RANK = 128  # of the projection, where nobody tells: the optimiser's own examples
_OWN_MODELS = ("torchtune", "litgpt", "megatron", "nemo", "torchtitan", "mlx", "llm-foundry", "xtuner")
_PREPARE_NOTHING = ("accelerated", "unsloth", "llama-factory", "llamafactory")
_PEFT_RAISES = 2024.5
_FUSED_ADAM = 2025.6  # since then the default of Hugging Face's trainer
_EIGHT_BIT = 2 * (1 + 4 / 256)  # both moments


def base_bytes(job: Job) -> float:
    """Of one weight of a layer's matrix as the base is stored."""
    if job.tuning.quant == "nf4":
        return 0.5 + (1 / 64 + 4 / (64 * 256) if job.tuning.double_quant else 4 / 64)
    return _STORED.get(job.tuning.quant, ELEMENT_BYTES[job.numerics.weights])


@dataclass(frozen=True, slots=True)
class States:
    """Bytes on one device. gradients: of a whole step; step: what the optimiser needs besides while it works."""

    weights: float
    adapters: float
    gradients: float
    optimiser: float
    step: float


def states(job: Job, stage: Stage) -> States:
    """Of one stage's device, shared out among the data-parallel group as `sharding` says."""
    mine, layout, numerics = held(job, stage), job.layout, job.numerics
    shards = Shards.of(job)
    dense = mine.matrices + mine.norms + mine.outside
    if job.tuning.adapted:
        share = stage.layers / job.architecture.num_layers
        trained_dense, trained_routed = adapter_parameters(job) * share, 0.0
        adapter_size = adapter_bytes(job)
        stored = _frozen_bytes(job, mine.matrices, mine.norms, mine.outside) / shards.weights
        stored += mine.routed * base_bytes(job) / shards.routed_weights
        sizes = (adapter_size, adapter_size)
    else:
        trained_dense, trained_routed = dense, mine.routed
        size = ELEMENT_BYTES[numerics.weights]
        stored = size * (dense / shards.weights + mine.routed / shards.routed_weights)
        sizes = (size, _gradient_bytes(job))
    gradients = sizes[1] * (trained_dense / shards.gradients + trained_routed / shards.routed_gradients)
    updated = trained_dense / shards.states + trained_routed / shards.routed_states
    kept = updated * moment_bytes(job, sizes[0])
    away = layout.offload and layout.sharding == "zero3"  # full sharding with offload keeps shards in the host's memory
    return States(
        weights=0.0 if away else stored,
        adapters=sizes[0] * trained_dense / shards.weights if job.tuning.adapted else 0.0,
        gradients=0.0 if away else gradients,
        optimiser=0.0 if layout.offload or job.savings.paged else kept,
        step=0.0 if layout.offload else updated * _temporary_bytes(job, sizes[0]),
    )


def _gradient_bytes(job: Job) -> float:
    """Of a trained weight. DeepSpeed sums fp32 gradients beside those that backward gives in 16 bits."""
    numerics = job.numerics
    twice = (
        numerics.gradients == "fp32" and ELEMENT_BYTES[numerics.weights] < 4 and "deepspeed" in job.software.framework
    )
    return ELEMENT_BYTES[numerics.gradients] + (ELEMENT_BYTES[numerics.weights] if twice else 0.0)


def adapter_bytes(job: Job) -> float:
    """Of one number of an adapter: Hugging Face's PEFT raises adapters to fp32, others keep the products' type.

    PEFT did so over a quantised base from the start, over a 16-bit one since 0.12 (`autocast_adapter_dtype`, 2024).
    """
    exact = is_transformers(job) and (job.tuning.quant != "none" or job.software.year >= _PEFT_RAISES)
    return 4.0 if exact else ELEMENT_BYTES[job.numerics.compute]


def raises_stream(job: Job) -> bool:
    """Whether the residual stream is fp32 beside 16-bit weights.

    PEFT's preparation of a quantised model raises norms and embedding (`prepare_model_for_kbit_training`). Under full
    sharding the embedding's own unit brings them back to 16 bits; houses with kernels of their own skip it.
    """
    if job.tuning.quant == "none" or not is_transformers(job) or job.layout.sharding == "zero3":
        return False
    return not any(word in job.software.framework for word in _PREPARE_NOTHING)


def is_transformers(job: Job) -> bool:
    """Whether Hugging Face's models and adapters carry the job out, in the trainer of whatever name."""
    name = job.software.framework.lower().replace("lit-gpt", "litgpt")
    if job.tuning.method == "pretrain":
        return "hf" in name or "transformers" in name
    return not any(word in name for word in _OWN_MODELS)


def _frozen_bytes(job: Job, matrices: float, norms: float, outside: float) -> float:
    """A quantised base keeps embedding, head and norms in 16 bits; PEFT's preparation raises them to fp32."""
    rest = ELEMENT_BYTES[job.numerics.weights] if job.tuning.quant == "none" else ELEMENT_BYTES[job.numerics.compute]
    return matrices * base_bytes(job) + (norms + outside) * rest


def moment_bytes(job: Job, weight_size: float) -> float:
    """Of the optimiser for each number that it trains, masters included where weights have fewer than 32 bits."""
    masters = 4.0 if job.numerics.masters and weight_size < 4 else 0.0
    size = 4.0 if masters else weight_size
    shape = job.architecture
    if job.optimiser == "galore":
        kept = min(1.0, _GALORE_RANK / shape.width) * 2 * size + _GALORE_RANK / shape.width * size
    else:
        kept = {
            "adamw": 2 * size,
            "adamw8bit": _EIGHT_BIT,
            "adafactor": 2 * 4 / shape.width,
            "lion": size,
            "muon": size,
            "sgd": 0.0,
        }[job.optimiser]
    return masters + kept


def _temporary_bytes(job: Job, weight_size: float) -> float:
    """PyTorch's multi-tensor AdamW takes the root of all second moments at once; fused kernels take no copy.

    Masters beside 16-bit gradients ask for an fp32 copy of the gradients.
    """
    if job.savings.in_backward or job.savings.paged:
        return 0.0
    name = job.software.framework.lower()
    if job.numerics.masters:
        exact = ELEMENT_BYTES[job.numerics.gradients] >= 4
        deepspeed = is_transformers(job) or any(word in name for word in ("deepspeed", "megatron"))
        if exact or (deepspeed and job.layout.sharding == "zero3"):
            return 0.0  # the latter works through sub-groups of 1e9 parameters
        return 4.0 if deepspeed else 8.0
    unfused = "litgpt" in name or (is_transformers(job) and job.software.year < _FUSED_ADAM)
    return weight_size if job.optimiser == "adamw" and unfused else 0.0


@dataclass(frozen=True, slots=True)
class Shards:
    """Devices that share one copy of each kind; routed experts have fewer copies, hence fewer to share among."""

    weights: float
    gradients: float
    states: float
    routed_weights: float
    routed_gradients: float
    routed_states: float

    @classmethod
    def of(cls, job: Job) -> Shards:
        """ZeRO 1 divides the states, 2 gradients too, 3 all."""
        layout = job.layout
        level = {"none": 0, "zero1": 1, "zero2": 2, "zero3": 3}[layout.sharding]
        group = float(max(1, layout.shards))
        routed = max(1.0, group * (layout.tp if layout.ep > 1 else 1) / layout.ep)
        whole = accumulates_whole(job)
        return cls(
            weights=group if level >= 3 else 1.0,
            gradients=group if level >= 2 and not whole else 1.0,
            states=group if level >= 1 else 1.0,
            routed_weights=routed if level >= 3 else 1.0,
            routed_gradients=routed if level >= 2 and not whole else 1.0,
            routed_states=routed if level >= 1 else 1.0,
        )


def accumulates_whole(job: Job) -> bool:
    """Whether full sharding leaves gradients whole between micro-batches.

    Hugging Face's trainers do (`no_sync`), and so does a pipeline over FSDP.
    """
    if job.layout.sharding != "zero3" or job.micro_batches == 1 or job.numerics.masters:
        return False
    return job.layout.pp > 1 or is_transformers(job)


def holds_stream_gradients(job: Job) -> bool:
    """Whether every layer's gradient of the residual stream stays until backward ends.

    Checkpointed layers under Hugging Face's FSDP did in a published sweep: peaks rose by a stream's size over one
    device's, in backward alone.
    """
    sharded = job.layout.sharding == "zero3" and job.layout.shards > 1
    return sharded and job.recompute == "full" and is_transformers(job)
