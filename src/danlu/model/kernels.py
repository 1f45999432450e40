"""The elementwise work between matrix products, forward and backward: kernels.c where it runs, else torch's operations.

Both say the same; the compiled form reads and writes memory once, and rounds once where torch rounds after each
operation. It takes bf16 on a CPU; everything else is torch's.

T tokens, D model width, H heads, K head width, N documents, L longest of them, G key-value heads, R = H / G, V words.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import log_softmax, silu
from torch.nn.utils.rnn import pad_sequence

from danlu.model import native
from danlu.model.rope import Rope


def norm(x: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """weight · x / rms(x) over the last dim, and 1 / rms (rows,) in fp32, which `norm_grad` wants."""
    if (lib := _native(x, weight)) is None:
        wide = _wide(x)
        inverse = (wide.square().mean(-1, keepdim=True) + eps).rsqrt()
        return (wide * inverse * weight).to(x.dtype), inverse.flatten()
    out = torch.empty_like(x)
    inverse = torch.empty(x.numel() // x.shape[-1])
    lib.norm(*_at(x, weight, out, inverse), len(inverse), x.shape[-1], eps, torch.get_num_threads())
    return out, inverse


def norm_grad(grad: Tensor, x: Tensor, weight: Tensor, inverse: Tensor) -> Tensor:
    """Gradient of `norm` for x."""
    if (lib := _native(grad, x, weight)) is None:
        inverse = inverse.view(*x.shape[:-1], 1)
        unit, scaled = _wide(x) * inverse, _wide(grad) * weight
        along = (scaled * unit).mean(-1, keepdim=True)
        return ((scaled - unit * along) * inverse).to(x.dtype)
    out = torch.empty_like(x)
    lib.norm_grad(*_at(grad, x, weight, inverse, out), len(inverse), x.shape[-1], torch.get_num_threads())
    return out


def norm_weight_grad(grad: Tensor, x: Tensor, inverse: Tensor) -> Tensor:
    """Gradient of `norm` for the weight, summed over all rows in fp32."""
    if (lib := _native(grad, x)) is None:
        return (_wide(grad) * _wide(x) * inverse.view(*x.shape[:-1], 1)).flatten(0, -2).sum(0)
    out = torch.empty(x.shape[-1])
    lib.norm_weight_grad(*_at(grad, x, inverse, out), len(inverse), x.shape[-1], torch.get_num_threads())
    return out


def swiglu(gate: Tensor, up: Tensor) -> Tensor:
    """silu(gate) · up."""
    if (lib := _native(gate, up)) is None:
        return silu(gate) * up
    out = torch.empty_like(gate)
    lib.swiglu(*_at(gate, up, out), gate.numel(), torch.get_num_threads())
    return out


def swiglu_grad(grad: Tensor, gate: Tensor, up: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of `swiglu` for gate and up."""
    if (lib := _native(grad, gate, up)) is None:
        sigmoid = gate.sigmoid()
        return grad * up * sigmoid * (1 + gate * (1 - sigmoid)), grad * gate * sigmoid
    into_gate, into_up = torch.empty_like(gate), torch.empty_like(up)
    lib.swiglu_grad(*_at(grad, gate, up, into_gate, into_up), gate.numel(), torch.get_num_threads())
    return into_gate, into_up


@dataclass(frozen=True, slots=True)
class Layout:
    """Documents of similar length laid side by side, heads before positions: what batched products want.

    Each (N, L): `token` of the stream at each place, -1 where padding stands. `own` leaves out, too, what a document
    sees but another one holds; `single` leaves out all tokens that several documents see, the places of which are
    `several`, None where there are none.
    """

    token: Tensor
    own: Tensor
    single: Tensor
    several: Tensor | None

    @classmethod
    def of(cls, documents: Sequence[Tensor], held: Sequence[int], several: Tensor) -> Layout:
        """documents: the tokens of each; held: how many of them, at its end, are its own; several (T,): see above."""
        token = pad_sequence(list(documents), batch_first=True, padding_value=-1)
        first = torch.tensor([len(d) - h for d, h in zip(documents, held, strict=True)])
        own = torch.where(torch.arange(token.shape[1]) < first[:, None], -1, token)
        single = torch.where(several[token.clamp(min=0)], -1, token)
        places = single != token
        return cls(token, own, single, places if places.any() else None)


def gather(token: Tensor, stream: Tensor, groups: int, rope: Rope | None) -> Tensor:
    """stream (T, H, K), by token (N, L) → (N·G, L·R, K): rotated if there is a rope, and zero where token is -1."""
    (count, length), (_, heads, width) = token.shape, stream.shape
    shared = heads // groups
    if (lib := _native(stream)) is None:
        stream = stream if rope is None else rope.rotate(stream)
        laid = stream[token.clamp(min=0)].masked_fill((token < 0)[..., None, None], 0)  # (N, L, H, K)
        laid = laid.unflatten(2, (groups, shared)).transpose(1, 2)
        return laid.reshape(count * groups, length * shared, width)
    laid = stream.new_empty(count * groups, length * shared, width)
    lib.gather(*_at(stream), *_angles(rope), *_at(token, laid), *_sizes(token, stream, groups))
    return laid


def scatter(laid: Tensor, token: Tensor, rope: Rope | None, stream: Tensor) -> None:
    """The way back: laid (N·G, L·R, K) into its tokens of `stream` (T, H, K); what was rotated is rotated back."""
    count, length = token.shape
    if (lib := _native(laid, stream)) is not None:
        sizes = _sizes(token, stream, len(laid) // count)
        lib.scatter(*_at(laid), *_angles(rope), *_at(token, stream), *sizes)
        return
    rows = laid.view(count, -1, length, stream.shape[1] * count // len(laid), laid.shape[-1])
    rows = rows.transpose(1, 2).flatten(2, 3)  # (N, L, H, K)
    real = token >= 0
    own, kept = token[real], rows[real]  # (·,), (·, H, K)
    stream[own] = kept if rope is None else rope.of(own).back().rotate(kept)


def _sizes(token: Tensor, stream: Tensor, groups: int) -> tuple[int, ...]:
    _, heads, width = stream.shape
    return (*token.shape, groups, heads // groups, width, torch.get_num_threads())


def _angles(rope: Rope | None) -> tuple[int | None, int | None]:
    return (None, None) if rope is None else (rope.cos.data_ptr(), rope.sin.data_ptr())


def causal_softmax(scores: Tensor, first: int, shared: int, scale: float) -> Tensor:
    """Probabilities, in the memory of scores (·, C·R, L): row r is the query at position first + r / shared."""
    batch, rows, end = scores.shape
    if (lib := _native(scores)) is not None:
        lib.causal_softmax(scores.data_ptr(), batch, rows, end, first, shared, scale, torch.get_num_threads())
        return scores
    steps = torch.arange(rows // shared)
    later = (steps[None, :] > steps[:, None]).repeat_interleave(shared, 0)  # (C·R, C)
    scores.mul_(scale)[:, :, first:].masked_fill_(later, float("-inf"))
    return scores.softmax(-1)


def softmax_grad(error: Tensor, probabilities: Tensor, scale: float) -> Tensor:
    """Gradient for the scores, in the memory of that for probabilities; both (·, C·R, L)."""
    if (lib := _native(error, probabilities)) is not None:
        rows, end = probabilities.numel() // probabilities.shape[-1], probabilities.shape[-1]
        lib.softmax_grad(*_at(error, probabilities), rows, end, scale, torch.get_num_threads())
        return error
    return torch._softmax_backward_data(error, probabilities, -1, error.dtype).mul_(scale)


def cross_entropy(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """−log p(target) (N,) in fp32, and its gradient for the logits (N, V), where it can in their memory."""
    if (lib := _native(logits)) is not None:
        losses = torch.empty(len(logits))
        lib.cross_entropy(*_at(logits, targets, losses), *logits.shape, torch.get_num_threads())
        return losses, logits
    logprobs = log_softmax(logits, -1, dtype=_wide_type(logits))
    losses = -logprobs.gather(1, targets[:, None])[:, 0]
    error = logprobs.exp_()
    error[torch.arange(len(error)), targets] -= 1
    return losses, error.to(logits.dtype)


def _wide(x: Tensor) -> Tensor:
    return x.to(_wide_type(x))


def _wide_type(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)


def _native(*tensors: Tensor) -> ctypes.CDLL | None:
    fits = all(t.dtype is torch.bfloat16 and t.device.type == "cpu" and t.is_contiguous() for t in tensors)
    return native.library() if fits else None


def _at(*tensors: Tensor) -> list[int]:
    return [tensor.data_ptr() for tensor in tensors]
