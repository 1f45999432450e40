"""Time of matrix products on one device.

A product of (m, k) and (k, n) runs in waves of tiles over the device's processors: the last wave is on average half
empty (NVIDIA, "Matrix multiplication background user's guide"), and its operands have to be read and its result
written. Forward, and backward by inputs and by weights, are three products of the same operations.
"""

from __future__ import annotations

from dataclasses import dataclass

_TILE = 128 * 256
_PROCESSORS = 132  # of an H100; 108 to 160 in its neighbours


@dataclass(frozen=True, slots=True)
class Speed:
    """flops: FLOP/s of a large product; memory: bytes/s; element: bytes of an operand's number; wave: waves lost."""

    flops: float
    memory: float
    element: float = 2.0
    wave: float = 0.5


def product_s(m: float, k: float, n: float, speed: Speed, *, written: float = 2.0, count: float = 1.0) -> float:
    """Seconds of `count` products that run one after another or grouped; written: bytes of a result's number."""
    whole = 2.0 * m * k * n * count
    lost = speed.wave * _TILE * _PROCESSORS
    flops = (whole + 2.0 * k * min(lost, m * n * count)) / min(aligned(k, speed.element), aligned(n, speed.element))
    moved = count * ((m * k + k * n) * speed.element + m * n * written)
    return max(flops / speed.flops, moved / speed.memory)


def aligned(size: float, element: float) -> float:
    """Share of the rate that an operand reaches whose rows are so many numbers long.

    Tensor cores take 16 bytes at once, and reach their rate from 128 on (NVIDIA's guide, "Tensor core requirements").
    """
    row = round(size) * max(element, 1.0)
    for step, share in ((128, 1.0), (64, 0.95), (32, 0.88), (16, 0.75)):
        if row % step == 0:
            return share
    return 0.4


def forward_s(tokens: float, inputs: float, outputs: float, speed: Speed, count: float = 1.0) -> float:
    """x W: tokens of `count` matrices each."""
    return product_s(tokens, inputs, outputs, speed, count=count)


def backward_s(tokens: float, inputs: float, outputs: float, speed: Speed, count: float = 1.0) -> float:
    """Gradients by inputs, and by weights; these are added in fp32 to what stands."""
    by_inputs = product_s(tokens, outputs, inputs, speed, count=count)
    return by_inputs + product_s(inputs, tokens, outputs, speed, written=8.0, count=count)
