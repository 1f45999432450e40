"""What a deployment holds, and how many requests fit (paged cache: Kwon et al. 2023, arXiv 2309.06180)."""

from __future__ import annotations

from dataclasses import dataclass

from danlu.compute.serving.forward import cache_share, weight_bytes
from danlu.compute.serving.question import Question

_SHARE = 0.9  # of a device's memory that engines take by default (vLLM's gpu_memory_utilization)
_PAGES = 0.96  # of the cache's pages holds tokens; the last page of each request is half empty


@dataclass(frozen=True, slots=True)
class ServingMemory:
    """Bytes of the fullest device, and requests of the whole deployment that fit together (0: the weights do not)."""

    weights: float
    activations: float
    cache_per_request: float
    cache: float
    usable: float
    concurrency: float

    @property
    def fits(self) -> bool:
        """Whether the weights and one request fit."""
        return self.concurrency >= 1


def memory(question: Question) -> ServingMemory:
    """Of a deployment; the cache takes what weights and activations leave."""
    shape, split, device = question.architecture, question.split, question.cluster.device
    weights = sum(weight_bytes(question))
    prompt = min(question.engine.chunk, max(question.load.isl, 1.0) * 8)
    activations = prompt * (4 * shape.width + 2 * shape.ffn_width / split.tp) * 2 + 0.6e9
    usable = device.memory_bytes * _SHARE if device.kind != "cpu" else device.usable_bytes
    cache = max(0.0, usable - weights - activations) * _PAGES
    load = question.load
    tokens = max(1.0, load.past + load.isl + load.osl / 2)
    each = shape.kv_bytes(tokens, question.kv_bytes) * cache_share(question) / split.pp
    fit = cache / each if each > 0 else float("inf")
    return ServingMemory(weights, activations, each, cache, usable, fit * split.dp * split.replicas)
