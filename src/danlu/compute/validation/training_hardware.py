"""The machines that a row of a training table means."""

from __future__ import annotations

import math

from danlu.compute.catalogue import Cluster, cluster_of, num_devices_in
from danlu.compute.validation.training_cells import Row, whole

_GUESSED_DEVICES = 256  # of a run that tells only its hours


def cluster(row: Row) -> tuple[Cluster | None, tuple[str, ...]]:
    """Devices, nodes and links as the cell tells them; what had to be guessed. None for hardware nobody knows."""
    cell = row.get("hardware") or ""
    count = whole(row.get("n_gpus")) or num_devices_in(cell) or _product(row)
    machines = cluster_of(cell, count or _GUESSED_DEVICES)
    return machines, () if count else ("number of devices",)


def _product(row: Row) -> int | None:
    """Devices from the degrees of parallelism, where all of them are told."""
    axes = [whole(row.get(axis)) for axis in ("DP", "TP", "PP")]
    if None in axes:
        return None
    return math.prod(axis for axis in axes if axis) * (whole(row.get("CP")) or 1)
