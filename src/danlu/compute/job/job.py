"""A training job as a planner sees it, whoever's software carries it out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from danlu.compute.architecture.shapes import Architecture
from danlu.compute.catalogue.cluster import Cluster
from danlu.compute.catalogue.device import Precision
from danlu.compute.job.layout import Layout

Method = Literal["pretrain", "full", "lora", "qlora", "dpo", "reward", "ppo", "grpo"]
Quant = Literal["none", "int8", "nf4", "gptq"]
Recompute = Literal["none", "selective", "full"]
Optimiser = Literal["adamw", "adamw8bit", "adafactor", "lion", "muon", "sgd", "galore"]
Loss = Literal["full", "kernel", "chunked", "fused"]
Counter = Literal["allocated", "reserved", "nvidia-smi"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of a step.

    seq_len: tokens of a row, padding included. sequences: rows of an optimiser step over all devices. micro: rows of
    one forward pass on one data-parallel rank. longest: tokens of the longest row met, which decides memory;
    mean: of the rows computed on average, which decides time; both seq_len unless told. document: mean length of
    the documents that attention sees (packed rows that do not attend across documents), seq_len unless told.
    """

    seq_len: int
    sequences: int
    micro: int = 1
    longest: float | None = None
    mean: float | None = None
    document: float | None = None


@dataclass(frozen=True, slots=True)
class Tuning:
    """What is trained, and how the base rests in memory.

    targets: matrices that get an adapter, () is all linear. adapter: whether an adapter is trained in place of the
    base where `method` does not say it (dpo, reward, ppo, grpo). double_quant: the 4-bit base's scales are themselves
    in 8 bits.
    """

    method: Method = "pretrain"
    rank: int = 16
    targets: tuple[str, ...] = ()
    quant: Quant = "none"
    adapter: bool = False
    double_quant: bool = True

    @property
    def adapted(self) -> bool:
        """Whether the base's own weights stay as they are."""
        return self.method in {"lora", "qlora"} or self.adapter or self.quant != "none"


@dataclass(frozen=True, slots=True)
class Numerics:
    """Precisions. compute: of products. weights, gradients: as they rest in memory. masters: fp32 copies of weights.

    reduced: of gradients on their way between devices; None is that of `gradients`.
    """

    compute: Precision = "bf16"
    weights: Precision = "bf16"
    gradients: Precision = "fp32"
    masters: bool = True
    reduced: Precision | None = None


@dataclass(frozen=True, slots=True)
class Software:
    """What carries the job out.

    framework: lower-case name ("megatron", "torchtitan", "hf-trainer", "torchtune", "litgpt", "llm-foundry", ...).
    year: of the release, as a covariate. attention: "flash" (nothing quadratic is kept) or "eager". compiled: by
    torch.compile or fused kernels. loss: whether logits exist whole in fp32, whole in the precision of products under
    one kernel that puts their gradient in their place, by chunks, or never. counter: what memory was read from.
    hides_tp: products run in pieces so that tensor-parallel communication hides behind them.
    """

    framework: str = ""
    year: float = 2025.0
    attention: Literal["flash", "eager"] = "flash"
    compiled: bool = False
    loss: Loss = "full"
    counter: Counter = "allocated"
    hides_tp: bool = False


@dataclass(frozen=True, slots=True)
class Savings:
    """What fine-tuning does to spare memory.

    in_backward: each gradient is used and freed as soon as it stands. paged: the optimiser's states may rest in the
    host's memory. activation_offload: what recompute keeps rests there.
    """

    in_backward: bool = False
    paged: bool = False
    activation_offload: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """All that decides memory and time of one optimiser step.

    guesses: what nobody told, and had to be assumed. goodput: share of a run's hours that its steps take; 1 for a step
    by itself.
    """

    architecture: Architecture
    cluster: Cluster
    batch: Batch
    layout: Layout = field(default_factory=Layout)
    tuning: Tuning = field(default_factory=Tuning)
    numerics: Numerics = field(default_factory=Numerics)
    recompute: Recompute = "none"
    optimiser: Optimiser = "adamw"
    software: Software = field(default_factory=Software)
    guesses: tuple[str, ...] = ()
    goodput: float = 1.0
    savings: Savings = field(default_factory=Savings)

    @property
    def micro_batches(self) -> int:
        """Forward passes of one data-parallel rank in a step, at least one."""
        return max(1, round(self.batch.sequences / (self.batch.micro * self.layout.dp)))

    @property
    def tokens_per_step(self) -> float:
        """Tokens of a step over all devices, as computed."""
        return self.batch.sequences * (self.batch.mean or self.batch.seq_len)
