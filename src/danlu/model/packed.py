"""Weights laid out once for oneDNN's bf16 products, which otherwise lay them out again at every call.

Of a decoding step that is a third of the time. The products are the same to the bit (tests/unit/model).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from danlu.model.decoder import Decoder

_ROWS = 32  # that the layout is chosen for; any number may come


class PackedLinear(nn.Module):
    """A linear layer for inference alone: its weight can be multiplied with, not read, saved or trained."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), _ROWS)
        self._bias = bias

    def forward(self, x: Tensor) -> Tensor:
        """(T, ·) → (T, ·)."""
        product: Tensor = torch.ops.mkldnn._linear_pointwise(x, self._weight, self._bias, "none", [], "")
        return product


def pack(decoder: Decoder) -> Decoder:
    """The decoder itself, its linear layers packed where this machine's oneDNN multiplies bf16; for inference alone."""
    if decoder.head_weight.dtype != torch.bfloat16 or not _supported():
        return decoder
    for module in list(decoder.model.modules()):
        for name, child in list(module.named_children()):
            if type(child) is nn.Linear:
                setattr(module, name, PackedLinear(child.weight, child.bias))
    decoder.packed_head = PackedLinear(decoder.head_weight, None)
    return decoder


def _supported() -> bool:
    operations = torch.ops.mkldnn
    needed = ("_reorder_linear_weight", "_linear_pointwise", "_is_mkldnn_bf16_supported")
    return all(hasattr(operations, name) for name in needed) and bool(operations._is_mkldnn_bf16_supported())
