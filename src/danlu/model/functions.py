"""What the decoder computes between its matrix products, with derivatives by hand: nothing is kept that need not be.

Left to autograd, a norm keeps four tensors and runs fifteen operations; here it keeps its input and one number a row.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.autograd import Function

from danlu.model import kernels


def norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """Root-mean-square norm of the last dim (Zhang & Sennrich 2019, arXiv 1910.07467), computed in fp32."""
    result: Tensor = _Norm.apply(x, weight, eps)
    return result


def swiglu(gate: Tensor, up: Tensor) -> Tensor:
    """silu(gate) · up (Shazeer 2020, arXiv 2002.05202)."""
    result: Tensor = _SwiGLU.apply(gate, up)
    return result


class _Norm(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        out, inverse = kernels.norm(x, weight, eps)
        ctx.save_for_backward(x, weight, inverse)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, weight, inverse = ctx.saved_tensors
        needs_x, needs_weight, _ = ctx.needs_input_grad
        into_x = kernels.norm_grad(grad, x, weight, inverse) if needs_x else None
        into_weight = kernels.norm_weight_grad(grad, x, inverse).to(weight.dtype) if needs_weight else None
        return into_x, into_weight, None


class _SwiGLU(Function):
    @staticmethod
    def forward(ctx: Any, gate: Tensor, up: Tensor) -> Tensor:
        ctx.save_for_backward(gate, up)
        return kernels.swiglu(gate, up)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        return kernels.swiglu_grad(grad, *ctx.saved_tensors)
