"""The stage `train`: the objective, what is updated, and the optimiser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from danlu.recipe.section import Section


def _by_depth(key: str) -> Callable[[JsonDict], None]:
    """For editors: a fresh base may leave the key to its depth. Recipe's own schema asks for it on an open one."""

    def relax(schema: JsonDict) -> None:
        required = schema.get("required", [])
        assert isinstance(required, list)
        schema["required"] = [name for name in required if name != key]

    return relax


class Lora(Section):
    """Low-rank adapters (Hu et al. 2021, arXiv 2106.09685)."""

    kind: Literal["lora"] = "lora"
    """Train adapters, keep the base frozen."""
    rank: int = Field(default=16, ge=1, le=1024)
    """Rank of each adapter."""
    alpha: float = Field(default=32.0, gt=0)
    """The update is scaled by alpha / rank."""
    targets: Literal["all-linear", "attention"] = "all-linear"
    """Which projections get an adapter; embeddings and head never do."""


class FullWeights(Section):
    """Every weight is trained."""

    kind: Literal["full"] = "full"
    """Train every weight, with fp32 master copies."""


class Schedule(Section):
    """Learning rate over the steps."""

    kind: Literal["cosine", "linear", "wsd", "constant"] = "cosine"
    """Shape after the warm-up; `wsd` holds, then decays (Hu et al. 2024, arXiv 2404.06395)."""
    warmup: float = Field(default=0.05, ge=0, lt=1)
    """Share of the steps that warm up linearly from zero."""
    final: float = Field(default=0.1, ge=0, le=1)
    """Learning rate at the end, as a share of the peak."""
    decay: float = Field(default=0.2, gt=0, le=1)
    """Only `wsd`: share of the steps that decay."""


class Optimizer(Section):
    """AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101)."""

    model_config = ConfigDict(json_schema_extra=_by_depth("lr"))

    lr: float = Field(gt=0, lt=1)
    """Peak learning rate; on a fresh base, depth decides where it is left out."""
    betas: tuple[float, float] = (0.9, 0.95)
    """Decay of the first and second moments."""
    eps: float = Field(default=1e-8, gt=0)
    """Added to the denominator."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Decoupled weight decay; norms and biases have none."""
    max_grad_norm: float = Field(default=1.0, gt=0)
    """Gradients are clipped to this global norm."""


class Training(Section):
    """Supervised training of a decoder."""

    model_config = ConfigDict(json_schema_extra=_by_depth("optimizer"))

    objective: Literal["sft", "pretrain"] = "sft"
    """`sft`: loss on the assistant's turns of dialogues. `pretrain`: loss on every token of plain text."""
    adapter: Annotated[Lora | FullWeights, Field(discriminator="kind")] = Lora()
    """What is updated."""
    optimizer: Optimizer
    """AdamW and its numbers."""
    schedule: Schedule = Schedule()
    """Warm-up, then the shape of the decay."""
    epochs: float = Field(default=1.0, gt=0)
    """Passes over the data."""
    max_tokens: int | None = Field(default=None, gt=0)
    """Stops sooner: no more than this many tokens are trained on."""
    batch_tokens: int = Field(default=4096, gt=0)
    """Tokens of one optimiser step, over all ranks; whole packs, at most this many."""
    micro_batch_tokens: int | None = Field(default=None, gt=0)
    """Tokens of one forward pass; null takes one pack (data.max_length). Changes speed and memory, not the gradient."""
    recompute: bool = False
    """Keeps only each layer's input for the backward pass: far less memory, about a third more time."""
    precision: Literal["bf16", "fp32"] = "bf16"
    """Matrix products; adapters, optimiser state and reductions stay in fp32."""
    checkpoint_every_steps: int = Field(default=20, gt=0)
    """A resumable checkpoint each so many steps."""
    seed: int = 0
    """Seed of adapter initialisation and order."""
