"""Why a large dense model is hard to serve, and what experts change: the arithmetic behind the sentence."""

from __future__ import annotations

import math
from dataclasses import dataclass

from danlu.compute.architecture import Architecture
from danlu.compute.catalogue import Cluster
from danlu.compute.serving.formats import FORMATS, Format
from danlu.compute.serving.forward import touched_experts

_USABLE = 0.9  # of a device's memory
_CACHE = 0.25  # of it is left to the cache in a deployment that is to serve more than a few


@dataclass(frozen=True, slots=True)
class Explanation:
    """weights_bytes: at rest. devices, nodes: the fewest that hold them with a quarter of the memory for the cache.
    floor_s: between two tokens on those devices, where reading the active weights once at peak bandwidth were all.
    dense_floor_s: the same if every weight were read. balanced_tokens: requests in a pass at which arithmetic takes as
    long as reading. cache_bytes: of a request of 8,192 tokens. text: all of it in words."""

    weights_bytes: float
    devices: int
    nodes: int
    floor_s: float
    dense_floor_s: float
    balanced_tokens: float
    cache_bytes: float
    text: str


def explain(architecture: Architecture, cluster: Cluster, weights: Format = FORMATS["bf16"]) -> Explanation:
    """Of one model on that kind of device, in that format."""
    device = cluster.device
    held = architecture.num_parameters * weights.weight_bytes
    active = architecture.active_parameters * weights.weight_bytes
    devices = max(1, math.ceil(held / (device.memory_bytes * _USABLE * (1 - _CACHE))))
    nodes = -(-devices // cluster.devices_per_node)
    bandwidth = devices * device.memory_bytes_per_s
    rate = device.reached_flops_per_s(weights.computes_in(device))
    balanced = rate * weights.weight_bytes / (2 * device.memory_bytes_per_s)
    if architecture.experts is not None:
        balanced *= architecture.num_parameters / architecture.active_parameters
    cache = architecture.kv_bytes(8192)
    found = Explanation(held, devices, nodes, active / bandwidth, held / bandwidth, balanced, cache, "")
    text = _words(architecture, cluster, found)
    return Explanation(held, devices, nodes, found.floor_s, found.dense_floor_s, balanced, cache, text)


def _words(shape: Architecture, cluster: Cluster, found: Explanation) -> str:
    name, device = shape.name, cluster.device.name
    several = "device" if found.devices == 1 else "devices"
    words = [
        f"{name} has {shape.num_parameters / 1e9:.0f}B weights, {found.weights_bytes / 1e9:.0f} GB: "
        f"{found.devices} {device} {several} ({found.nodes} node{'s' if found.nodes > 1 else ''}) with room "
        f"for a cache, and a request of 8,192 tokens takes {found.cache_bytes / 1e9:.2f} GB of that.",
        f"Each pass reads every weight that it uses: at peak bandwidth a token takes at least "
        f"{found.floor_s * 1e3:.1f} ms, and a device computes for less than it reads until about "
        f"{found.balanced_tokens:.0f} requests share a pass.",
    ]
    if cluster.link_domain and found.devices > cluster.link_domain:
        words.append(
            f"More than the {cluster.link_domain} that are linked: each layer's two exchanges cross the network."
        )
    if shape.experts is None:
        words.append(
            "A mixture of experts of the same size with a tenth of the weights active would need the same memory, but "
            f"{found.floor_s * 1e2:.1f} ms for a token of a single request instead of {found.floor_s * 1e3:.1f} ms, "
            "and a tenth of the arithmetic."
        )
        return " ".join(words)
    experts = shape.experts
    share = shape.active_parameters / shape.num_parameters
    met = touched_experts(experts.count, experts.active, 32) / experts.count
    words.append(
        f"Experts do not save memory, but traffic and arithmetic: a token uses {share:.0%} of the weights, so that a "
        f"single request waits {found.floor_s * 1e3:.1f} ms and not {found.dense_floor_s * 1e3:.1f} ms. With 32 "
        f"requests at once up to {met:.0%} of the experts are read all the same: the saving in traffic goes to small "
        "loads and to those so large that each expert has many tokens; that in arithmetic stays."
    )
    return " ".join(words)
