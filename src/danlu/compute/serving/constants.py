"""The fitted numbers of serving, each with its meaning and unit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServingConstants:
    """weights_reach: share of the memory's bandwidth at which a matrix is read for few tokens. popularity: how alike
    routers like their experts (shape of a Gamma distribution). cache_reach: share of the bandwidth at which the cache
    is read. matrix_reach: arithmetic of prompts, relative to the device's large products. native_reach: of engines
    with kernels of their own for packed weights (llama.cpp) on devices with matrix units, relative to matrix_reach;
    thin_reach: of theirs for few tokens, relative to those for prompts. kernel_s: start and tail of one kernel on the
    device. launch_s: what Python takes to start one. collective_s: latency of one all-reduce between linked devices.
    step_s: scheduler and sampler in a step. token_s: host's work on one token that is streamed. arrival_s: a prompt's
    way through the server.
    """

    weights_reach: float = 0.91
    native_reach: float = 0.6
    thin_reach: float = 0.34
    popularity: float = 0.52
    cache_reach: float = 0.85
    matrix_reach: float = 0.615
    kernel_s: float = 4.2e-6
    launch_s: float = 8.5e-5
    collective_s: float = 22e-6
    step_s: float = 1.9e-3
    token_s: float = 1.6e-5
    arrival_s: float = 20e-3


SERVING = ServingConstants()
