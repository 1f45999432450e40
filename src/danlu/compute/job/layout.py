"""How a job is spread over devices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Sharding = Literal["none", "zero1", "zero2", "zero3"]
Schedule = Literal["1f1b", "gpipe", "interleaved", "zero-bubble", "dualpipe", "serial"]


@dataclass(frozen=True, slots=True)
class Layout:
    """Degrees of parallelism; their product is the number of devices (ep divides dp x cp x tp of a stage).

    sharding: what the data-parallel group divides among itself: nothing, the optimiser's states (zero1), gradients
    too (zero2), weights too (zero3, FSDP). shard_group: devices that share one copy of them; None is the whole group.
    reshard: zero3 frees the weights after the forward pass and gathers them again. offload: states rest in the host's
    memory. schedule "serial": the layers lie on several devices, of which one works at a time; "dualpipe": two
    micro-batches run against each other, so that each one's exchange with experts hides behind the other's products.
    """

    dp: int = 1
    tp: int = 1
    pp: int = 1
    cp: int = 1
    ep: int = 1
    sharding: Sharding = "none"
    shard_group: int | None = None
    reshard: bool = True
    sequence_parallel: bool = True
    virtual_stages: int = 1
    schedule: Schedule = "1f1b"
    offload: bool = False

    @property
    def num_devices(self) -> int:
        """Devices in all."""
        return self.dp * self.tp * self.pp * self.cp

    @property
    def shards(self) -> int:
        """Devices that share one copy of what `sharding` divides."""
        return min(self.shard_group or self.dp * self.cp, self.dp * self.cp)
