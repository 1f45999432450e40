"""Memory of a training job, item by item and phase by phase; whether it fits, and what would make it."""

from danlu.compute.memory.constants import MEMORY, MemoryConstants
from danlu.compute.memory.fit import fits, max_context, max_micro_batch, needed_bytes, remedies, reserve_bytes
from danlu.compute.memory.memory import Memory, Phase, estimate, memory

__all__ = [
    "MEMORY",
    "Memory",
    "MemoryConstants",
    "Phase",
    "estimate",
    "fits",
    "max_context",
    "max_micro_batch",
    "memory",
    "needed_bytes",
    "remedies",
    "reserve_bytes",
]
