"""What is asked of a deployment: the model, the devices, how they are used, and who comes with what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from danlu.compute.architecture import Architecture
from danlu.compute.catalogue import Cluster
from danlu.compute.serving.engines import VLLM, Engine
from danlu.compute.serving.formats import FORMATS, Format
from danlu.errors import RecipeError

Mode = Literal["closed", "open", "offline", "single", "decode", "prefill"]


@dataclass(frozen=True, slots=True)
class Split:
    """One instance: tp x pp x dp devices.

    tp devices share a layer's attention; dp groups of them hold the same attention weights and their own requests
    (attention data parallelism); experts lie over all tp x dp devices of a stage, whole (expert_parallel) or each cut
    in as many pieces. pp: stages. replicas: instances that share nothing but the queue. prefill_devices: further ones
    that do nothing but prompts (disaggregated serving), 0 where both phases share the devices.
    """

    tp: int = 1
    pp: int = 1
    dp: int = 1
    expert_parallel: bool = False
    replicas: int = 1
    prefill_devices: int = 0

    @property
    def width(self) -> int:
        """Devices that work on one layer."""
        return self.tp * self.dp

    @property
    def num_devices(self) -> int:
        """Devices that decode, over all replicas."""
        return self.tp * self.pp * self.dp * self.replicas


@dataclass(frozen=True, slots=True)
class Load:
    """Who comes with what. isl, osl: mean tokens of a prompt and of an answer.

    closed: `concurrency` clients, each sends its next prompt when it has its answer. open: Poisson arrivals, `rate` a
    second, infinite where all come at once. offline: all at once, as many together as fit (or `concurrency`). single:
    one client. decode, prefill: one phase alone, `concurrency` requests together on `past` tokens of context.
    spread: relative half-width of the lengths (0 all alike, 1 uniform from none to twice the mean). prompts: sent in
    all, None where it is long. phase: rates are of the decoding phase alone. median: latencies are medians.
    limit_s: the time per token that a bounded load may not pass: as many requests run together as keep it.
    """

    mode: Mode
    isl: float
    osl: float
    concurrency: float | None = None
    rate: float | None = None
    prompts: float | None = None
    spread: float = 0.0
    phase: bool = False
    median: bool = False
    past: float = 0.0
    limit_s: float | None = None

    def __post_init__(self) -> None:
        if self.isl < 0 or self.osl < 0 or self.isl + self.osl <= 0:
            raise RecipeError(f"a request of {self.isl:g} tokens in and {self.osl:g} out: give lengths above 0.")
        if self.concurrency is not None and self.concurrency <= 0:
            raise RecipeError(f"concurrency {self.concurrency:g}: give at least 1.")
        if self.rate is not None and self.rate <= 0:
            raise RecipeError(f"{self.rate:g} requests a second: give a rate above 0.")

    @property
    def context(self) -> float:
        """Tokens that a decoding request has behind it, a mean over its answer."""
        return self.past + self.isl + self.osl / 2


@dataclass(frozen=True, slots=True)
class Question:
    """A deployment under a load. kv_bytes: of one element of the cache. accepted: tokens that one pass gives a request
    (above 1 with speculative decoding). max_batch: requests that may decode together, the engine's own unless told."""

    architecture: Architecture
    cluster: Cluster
    load: Load
    split: Split = field(default_factory=Split)
    weights: Format = FORMATS["bf16"]
    kv_bytes: float = 2.0
    engine: Engine = VLLM
    accepted: float = 1.0
    max_batch: int | None = None

    def __post_init__(self) -> None:
        split = self.split
        if min(split.tp, split.pp, split.dp, split.replicas) < 1:
            raise RecipeError(
                f"TP {split.tp}, PP {split.pp}, DP {split.dp}, {split.replicas} replicas: 1 is the least."
            )
        if split.pp > self.architecture.num_layers:
            raise RecipeError(
                f"PP {split.pp} cuts {self.architecture.num_layers} layers: take at most as many stages as layers."
            )
