"""The fitted numbers of serving, each with its meaning and unit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServingConstants:
    """weights_reach: share of the memory's bandwidth at which a matrix is read for few tokens. cache_reach: the same
    of the cache. matrix_reach: arithmetic of prompts, relative to the device's large products. thin_reach: of packed
    weights with few tokens, native_reach: with prompts, in engines that have kernels of their own for them
    (llama.cpp), on devices with matrix units. expert_rows: tokens an expert at which its product runs at half the
    rate. popularity: how alike routers like their experts (shape of a Gamma distribution). kernel_s: start and tail
    of one kernel on the device. launch_s: what Python takes to start one. collective_s: latency of one all-reduce
    between linked devices. step_s: scheduler and sampler in a step. token_s: host's work on one token that is
    streamed. arrival_s: a prompt's way through the server.
    """

    weights_reach: float = 0.88
    native_reach: float = 0.67
    thin_reach: float = 0.35
    expert_rows: float = 75
    popularity: float = 0.6
    cache_reach: float = 0.82
    matrix_reach: float = 0.645
    kernel_s: float = 4.9e-6
    launch_s: float = 7.8e-5
    collective_s: float = 15e-6
    step_s: float = 1.55e-3
    token_s: float = 2.1e-5
    arrival_s: float = 31e-3


SERVING = ServingConstants()
