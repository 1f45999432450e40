"""Fewer bits: what moves, at which rate it is multiplied, and why fp4 both helps and hurts bandwidth.

Reading one: a pass over the weights moves a quarter of the bytes, so a memory-bound step is four times as fast.
Reading two: arithmetic is four times as fast as well, so that whatever is still moved in wider numbers (the cache,
activations, gradients, a network) bounds sooner. Both are true. Source: the roofline, Williams et al. 2009, CACM 52(4).
"""

from __future__ import annotations

from dataclasses import dataclass

from danlu.compute.catalogue import ELEMENT_BYTES, Device, Precision
from danlu.compute.words import duration, gigabytes

FP4_SCALE_BYTES = 1 / 16  # a scale of one byte for each 16 numbers (NVFP4)


@dataclass(frozen=True, slots=True)
class Moved:
    """One precision on one device. weight_bytes: read for each pass; read_s: of that; flops_per_s: what products reach.

    computed_in: the precision of products, a wider one where the device lacks this one. ridge: FLOPs for each byte
    from memory at which arithmetic takes as long as reading. batch: tokens of a pass at which products take as long
    as reading the weights. kv_share: of that balance's time, what one GB of cache in bf16 adds.
    """

    precision: Precision
    computed_in: Precision
    weight_bytes: float
    read_s: float
    flops_per_s: float
    ridge: float
    batch: float
    kv_share: float


def moved(parameters: float, device: Device, precision: Precision) -> Moved:
    """A pass over so many active parameters."""
    each = ELEMENT_BYTES[precision] + (FP4_SCALE_BYTES if precision == "fp4" else 0.0)
    rate = device.reached_flops_per_s(precision)
    read = parameters * each / device.memory_bytes_per_s
    return Moved(
        precision=precision,
        computed_in=device.runs(precision),
        weight_bytes=parameters * each,
        read_s=read,
        flops_per_s=rate,
        ridge=rate / device.memory_bytes_per_s,
        batch=read * rate / (2 * parameters),
        kv_share=1e9 / device.memory_bytes_per_s / read,
    )


def fewer_bits(parameters: float, device: Device, precision: Precision = "fp4") -> str:
    """Does it help or hurt bandwidth? Bytes moved and rate used, and both readings answered."""
    wide, narrow = moved(parameters, device, "bf16"), moved(parameters, device, precision)
    less, faster = wide.weight_bytes / narrow.weight_bytes, narrow.flops_per_s / wide.flops_per_s
    lines = [
        f"{at.precision}: {gigabytes(at.weight_bytes)} of weights a pass ({duration(at.read_s)}), products in "
        f"{at.computed_in} at {at.flops_per_s / 1e12:,.0f} TFLOP/s; balance at {at.batch:,.0f} tokens a pass"
        for at in (wide, narrow)
    ]
    helped = f"Decoding few tokens at a time: {less:.1f} times fewer bytes, so {precision} helps."
    if faster <= 1.01:
        return "\n".join(
            [*lines, helped, f"{device.name} multiplies in {narrow.computed_in}: arithmetic gains nothing."]
        )
    hurt = (
        f"Many tokens at a time: products are {faster:.1f} times as fast, so that each byte still moved wider (cache, "
        f"activations, network) must feed {narrow.ridge:,.0f} FLOPs instead of {wide.ridge:,.0f}: {precision} makes "
        "bandwidth the bottleneck sooner."
    )
    return "\n".join([*lines, helped, hurt])


def largest_dense(memory_bytes: float, bytes_per_parameter: float, *, kept: float = 0.8) -> float:
    """Parameters that one device holds: 2 bytes to serve in bf16, 16 to train with Adam. kept: share for weights."""
    return kept * memory_bytes / bytes_per_parameter
