"""What share of the arithmetic is used, in every convention that is printed.

Model FLOPs: 6 for each active weight and token (Kaplan et al. 2020, arXiv 2001.08361), or 4 where the base is frozen
and only gradients of activations pass through it; attention counted causal (half the products, as kernels do them) or
whole (Narayanan et al. 2021, arXiv 2104.04473). Hardware FLOPs count recomputation too (Chowdhery et al. 2022, arXiv
2204.02311).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from danlu.compute.catalogue import ELEMENT_BYTES
from danlu.compute.job import Job


@dataclass(frozen=True, slots=True)
class Utilisation:
    """Shares of the peak of all devices in the precision of products; FLOPs of a step over all devices."""

    model_flops_causal: float
    model_flops_full: float
    hardware_flops: float
    mfu_causal: float
    mfu_full: float
    hfu: float
    peak_flops_per_s: float

    @classmethod
    def of(cls, job: Job, step_s: float) -> Utilisation:
        """Of a step that takes so long."""
        shape, tokens = job.architecture, job.tokens_per_step
        document = job.batch.document or job.batch.mean or float(job.batch.seq_len)
        passes = 2.0 if job.tuning.adapted else 3.0
        causal = passes * shape.forward_flops(tokens, document)
        full = passes * shape.forward_flops(tokens, document, causal=False)
        again = {"none": 0.0, "selective": 0.0, "full": shape.forward_flops(tokens, document)}[job.recompute]
        peak = job.cluster.num_devices * job.cluster.device.flops_per_s(job.numerics.compute)
        offered = peak * step_s
        return cls(causal, full, causal + again, causal / offered, full / offered, (causal + again) / offered, peak)


def by_precision(job: Job) -> list[dict[str, Any]]:
    """What each precision that the device has moves, and at which rate it multiplies; the two are different reliefs.

    weight_bytes: of all matrices, read once in a pass. flops_per_s: of one device, its peak and what a large product
    reaches.
    """
    device, shape = job.cluster.device, job.architecture
    weights = shape.active_matrix_parameters + shape.head_parameters
    return [
        {
            "precision": precision,
            "computed_in": device.runs(precision),
            "bytes_per_element": size,
            "weight_bytes": weights * size,
            "peak_flops_per_s": device.flops_per_s(precision),
            "reached_flops_per_s": device.reached_flops_per_s(precision),
            "read_weights_s": weights * size / device.memory_bytes_per_s,
        }
        for precision, size in ELEMENT_BYTES.items()
        if precision in {"fp32", "bf16", "fp8", "fp4"}
    ]
