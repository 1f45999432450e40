"""Low-rank adapters. Source: Hu et al. 2021, arXiv 2106.09685; files in the format of the library PEFT.

T tokens, I input width, O output width, R rank.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.functional import linear

from danlu.artefact import read_json, write_json
from danlu.errors import CheckpointError, Refusal
from danlu.model.checkpoint import write_tensors
from danlu.model.decoder import Decoder

Targets = Literal["all-linear", "attention"]
_ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
_FEED_FORWARD = ("gate_proj", "up_proj", "down_proj")
_PEFT_PREFIX = "base_model.model."


class LoraLinear(nn.Module):
    """A frozen linear layer and its low-rank update: y = W x + (alpha / R) B A x.

    A (R, I) and B (O, R) are kept in fp32, so that small updates do not round to nothing; products are
    computed in the type of x. B starts at zero: a fresh adapter changes nothing.
    """

    def __init__(self, base: nn.Linear, rank: int, alpha: float, generator: torch.Generator) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.scale = alpha / rank
        bound = 1 / math.sqrt(base.in_features)  # kaiming-uniform with a = sqrt(5), as in the paper's code
        start = torch.rand(rank, base.in_features, generator=generator) * 2 * bound - bound
        self.lora_A = nn.Parameter(start)
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        """x (T, I) → (T, O)."""
        result: Tensor = _Adapted.apply(x, self.base.weight, self.base.bias, self.lora_A, self.lora_B, self.scale)
        return result

    def merged_weight(self) -> Tensor:
        """(O, I) in the base's type; the sum is taken in fp32."""
        update = self.scale * (self.lora_B @ self.lora_A)
        return (self.base.weight.float() + update).to(self.base.weight.dtype)


class _Adapted(Function):
    """W x + bias + scale · B A x, each term added where the last one stands: no pass over memory for a sum."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Tensor:
        x, weight, bias, a, b, scale = inputs
        a, b = a.to(x.dtype), (b * scale).to(x.dtype)
        low = linear(x, a)  # (T, R)
        ctx.save_for_backward(x, weight, a, b, low)
        ctx.scale = scale
        return linear(x, weight, bias).addmm_(low, b.T)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, None, None, Tensor, Tensor, None]:
        x, weight, a, b, low = ctx.saved_tensors
        into_low = grad @ b  # (T, R)
        into_x = (grad @ weight).addmm_(into_low, a) if ctx.needs_input_grad[0] else None
        into_a = (into_low.T @ x).float()
        into_b = (low.T @ grad).T.float().mul_(ctx.scale)  # a tenth faster than grad.T @ low
        return into_x, None, None, into_a, into_b, None


def attach(decoder: Decoder, rank: int, alpha: float, targets: Targets, seed: int) -> None:
    """Freeze the decoder and give an adapter to each target projection of each layer."""
    decoder.requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    wanted = _ATTENTION if targets == "attention" else _ATTENTION + _FEED_FORWARD
    for layer in decoder.model.layers:
        for part in (layer.self_attn, layer.mlp):
            for name in wanted:
                if isinstance(projection := getattr(part, name, None), nn.Linear):
                    setattr(part, name, LoraLinear(projection, rank, alpha, generator))


def adapters(decoder: Decoder) -> Iterator[tuple[str, LoraLinear]]:
    """(module name, adapter) for each adapter."""
    return ((name, module) for name, module in decoder.named_modules() if isinstance(module, LoraLinear))


def merge(decoder: Decoder) -> None:
    """Fold every adapter into its weight; the decoder is plain again."""
    for name, adapter in list(adapters(decoder)):
        parent, _, own = name.rpartition(".")
        adapter.base.weight = nn.Parameter(adapter.merged_weight().detach(), requires_grad=False)
        setattr(decoder.get_submodule(parent), own, adapter.base)


def save_peft(decoder: Decoder, folder: Path, base: str, revision: str | None = None) -> None:
    """Write adapter_model.safetensors and adapter_config.json; base and its revision name the model they belong to."""
    state, names, example = {}, set(), None
    for name, example in adapters(decoder):
        names.add(name.rpartition(".")[2])
        state[f"{_PEFT_PREFIX}{name}.lora_A.weight"] = example.lora_A.detach().contiguous()
        state[f"{_PEFT_PREFIX}{name}.lora_B.weight"] = example.lora_B.detach().contiguous()
    assert example is not None, "the decoder has no adapter"
    folder.mkdir(parents=True, exist_ok=True)
    write_tensors(folder / "adapter_model.safetensors", state)
    rank = example.lora_A.shape[0]
    write_json(
        folder / "adapter_config.json",
        {
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "base_model_name_or_path": base,
            "revision": revision,
            "r": rank,
            "lora_alpha": example.scale * rank,
            "lora_dropout": 0.0,
            "bias": "none",
            "fan_in_fan_out": False,
            "target_modules": sorted(names),
            "inference_mode": True,
        },
    )


def load_peft(decoder: Decoder, folder: Path) -> None:
    """Attach the adapter in `folder`. Raises CheckpointError where it does not fit this decoder."""
    config = read_json(folder / "adapter_config.json")
    state = load_file(folder / "adapter_model.safetensors")
    wide = set(config["target_modules"]) & set(_FEED_FORWARD)
    attach(decoder, config["r"], config["lora_alpha"], "all-linear" if wide else "attention", seed=0)
    found = dict(adapters(decoder))
    if {f"{_PEFT_PREFIX}{name}.lora_{m}.weight" for name in found for m in "AB"} != set(state):
        raise CheckpointError(f"{folder}: the adapter's tensors do not match the decoder's projections.")
    for name, adapter in found.items():
        for letter, parameter in (("A", adapter.lora_A), ("B", adapter.lora_B)):
            value = state[f"{_PEFT_PREFIX}{name}.lora_{letter}.weight"]
            if value.shape != parameter.shape:
                raise CheckpointError(f"{folder}: {name}.lora_{letter} has shape {tuple(value.shape)}.")
            parameter.data = value.float()


def check_kept(base: Tensor, trained: Tensor, reloaded: Tensor, where: Path) -> None:
    """Refusal 13 unless a saved artefact, reloaded, still computes what was trained.

    base, trained, reloaded: logits (T, V) of the same probe. Merging rounds to bf16, so the artefact need not be
    equal; it must be nearer to the trained model than half the way back to the base.
    """
    learned = (trained.float() - base.float()).pow(2).mean().sqrt().item()
    lost = (trained.float() - reloaded.float()).pow(2).mean().sqrt().item()
    if learned == 0:
        raise Refusal(13, f"{where}: the trained model computes what its base does; nothing was learned.")
    if not lost < 0.5 * learned:
        raise Refusal(
            13,
            f"{where}: the saved model, read again, is {lost:.3g} away from the trained one, whose whole "
            f"change was {learned:.3g}: the adapter was lost in saving. Train longer or at a higher "
            "training.optimizer.lr, or use the adapter unmerged.",
        )
