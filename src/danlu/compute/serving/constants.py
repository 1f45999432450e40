"""The fitted numbers of serving, each with its meaning and unit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServingConstants:
    """weights_reach: share of the memory's bandwidth at which a matrix is read for few tokens. expert_reach:
    arithmetic of experts, relative to matrix_reach. expert_read: reading of experts, relative to weights_reach.
    diversity: share of a further token's experts that it chooses independently of the others. cache_reach: share of
    the bandwidth at which the cache is read. unpacking_reach: of weights that are widened on the way, relative to
    weights_reach. matrix_reach: arithmetic of prompts, relative to the device's large products. kernel_s: start and
    tail of one kernel on the device. launch_s: what Python takes to start one. collective_s: latency of one all-
    reduce between linked devices. step_s: scheduler and sampler in a step. token_s: host's work on one request in a
    step. arrival_s: a prompt's way through the server.
    """

    weights_reach: float = 0.88
    expert_reach: float = 0.4
    expert_read: float = 0.5
    diversity: float = 0.3
    cache_reach: float = 0.8
    unpacking_reach: float = 0.9
    matrix_reach: float = 0.68
    kernel_s: float = 4e-6
    launch_s: float = 1.2e-4
    collective_s: float = 17e-6
    step_s: float = 1.7e-3
    token_s: float = 2.3e-5
    arrival_s: float = 21e-3


SERVING = ServingConstants()
