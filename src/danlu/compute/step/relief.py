"""What a step waits for, in a sentence, and what one step of relief is worth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from danlu.compute.catalogue import Cluster
from danlu.compute.job import Job
from danlu.compute.step.constants import STEP, StepConstants
from danlu.compute.step.step import StepTime, step_time

_COMMUNICATION = ("tensor", "context", "expert", "data", "stages")
_WORDS = {
    "arithmetic": "arithmetic",
    "memory": "memory bandwidth",
    "link": "links within the node",
    "network": "the network between nodes",
    "pipeline": "the pipeline's bubble and uneven stages",
    "host": "the host, which starts kernels too slowly",
}


def by_resource(step: StepTime) -> dict[str, float]:
    """Seconds of a step by the resource that they wait for."""
    across = step.counted.across
    parts = step.parts
    return {
        "arithmetic": parts["products"] + parts["attention"] + parts["recompute"],
        "memory": parts["memory_ops"] + parts["casts"] + parts["optimiser"],
        "link": sum(parts[name] for name in _COMMUNICATION if name not in across),
        "network": sum(parts[name] for name in _COMMUNICATION if name in across),
        "pipeline": parts["bubble"] + parts["imbalance"],
        "host": parts["host"],
    }


def bottleneck(step: StepTime) -> str:
    """A sentence: what takes most of the step, and what comes next."""
    shares = {name: seconds / step.total for name, seconds in by_resource(step).items()}
    first, second = sorted(shares, key=lambda name: -shares[name])[:2]
    sentence = f"{_WORDS[first]} takes {shares[first]:.0%} of the step"
    if shares[second] >= 0.05:
        sentence += f", {_WORDS[second]} {shares[second]:.0%}"
    return sentence[0].upper() + sentence[1:] + "."


def relief(job: Job, constants: StepConstants = STEP) -> list[tuple[str, float]]:
    """Words and the share of the step's time that each single change would save, the largest first."""
    now = step_time(job, constants).total
    saved = [(words, 1 - step_time(changed, constants).total / now) for words, changed in _changes(job)]
    return sorted((entry for entry in saved if entry[1] > 0.001), key=lambda entry: -entry[1])


def _changes(job: Job) -> Iterator[tuple[str, Job]]:
    cluster, device, layout = job.cluster, job.cluster.device, job.layout
    network = cluster.network_bytes_per_s or device.network_bytes_per_s
    if network and cluster.num_devices > cluster.link_domain:
        bits = network * 8 / 1e9
        yield (
            f"{2 * bits:.0f} Gb/s instead of {bits:.0f} Gb/s between nodes for each device",
            _on(job, lambda c: replace(c, network_bytes_per_s=2 * network)),
        )
    if device.link_bytes_per_s and cluster.num_devices > 1:
        rate = device.link_bytes_per_s
        yield (
            f"{2 * rate / 1e9:.0f} GB/s instead of {rate / 1e9:.0f} GB/s between devices of a node",
            _on(job, lambda c: replace(c, device=replace(device, link_bytes_per_s=2 * rate))),
        )
    memory = device.memory_bytes_per_s
    yield (
        f"{1.5 * memory / 1e12:.1f} TB/s instead of {memory / 1e12:.1f} TB/s of memory bandwidth",
        _on(job, lambda c: replace(c, device=replace(device, memory_bytes_per_s=1.5 * memory))),
    )
    peaks = {precision: 1.5 * rate for precision, rate in device.peaks.items()}
    yield ("1.5 times the arithmetic", _on(job, lambda c: replace(c, device=replace(device, peaks=peaks))))
    if cluster.power_cap_watts is not None:
        yield (
            f"{device.watts:.0f} W instead of {cluster.power_cap_watts:.0f} W",
            _on(job, lambda c: replace(c, power_cap_watts=None)),
        )
    if job.numerics.compute in {"bf16", "fp16"} and "fp8" in device.peaks:
        yield "fp8 products", replace(job, numerics=replace(job.numerics, compute="fp8"))
    if job.recompute != "none":
        yield "memory for all activations (nothing computed again)", replace(job, recompute="none")
    if not job.software.compiled:
        yield "fused kernels", replace(job, software=replace(job.software, compiled=True))
    if layout.pp > 1 and layout.virtual_stages == 1 and job.architecture.num_layers >= 2 * layout.pp:
        yield "two virtual stages a device", replace(job, layout=replace(layout, virtual_stages=2))


def _on(job: Job, change: Callable[[Cluster], Cluster]) -> Job:
    return replace(job, cluster=change(job.cluster))
