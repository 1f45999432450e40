"""What published runs taught about memory: the few numbers that no formula gives."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MemoryConstants:
    """All without unit unless said.

    logit_bytes: of one logit at the peak of a loss that is not fused (16-bit logits, their fp32 copies, the
    log-softmax and its gradient, of which several are alive at a time). kernel_logit_bytes: under one kernel that
    writes the gradient over the logits. unshared: of what one phase of a step caches, the share that tensors of other
    phases do not find room in (reserved memory is nearly a sum over kinds of tensors, each at its own highest).
    scatter: reserved over allocated of what comes and goes, less one, where every batch has one shape; ragged: where
    lengths differ from batch to batch. context_bytes: of a device's context and loaded kernels, which only nvidia-smi
    sees. collective_bytes: of the collective library for each group that a device is in, seen there as well.
    workspace_bytes: of the matrix-product library, inside the allocator.
    """

    logit_bytes: float = 12.2
    kernel_logit_bytes: float = 7.5
    unshared: float = 0.95
    scatter: float = 0.1
    ragged: float = 1.0
    context_bytes: float = 0.65e9
    collective_bytes: float = 2.0e9
    workspace_bytes: float = 0.1e9


MEMORY = MemoryConstants()
