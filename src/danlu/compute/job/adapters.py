"""Which matrices of a model carry an adapter. Source: Hu et al. 2021, arXiv 2106.09685."""

from __future__ import annotations

import re

from danlu.compute.architecture.shapes import Matrix
from danlu.compute.job.job import Job

FUSED = "qkv_proj"  # queries, keys and values as one matrix (c_attn, W_pack, query_key_value), with one adapter
_QKV = frozenset({"q_proj", "k_proj", "v_proj"})


def adapted_matrices(job: Job) -> tuple[tuple[Matrix, int], ...]:
    """Matrices with an adapter, each with the layers that have it; none where the base itself is trained."""
    if not job.tuning.adapted:
        return ()
    named = job.tuning.targets
    return tuple(
        (matrix, layers)
        for matrix, layers in job.architecture.matrices
        if matrix.name != "router" and (not named or _is_named(matrix.name, named))
    )


def adapters(job: Job) -> int:
    """How many pairs of matrices are attached, over all layers."""
    fused = FUSED in job.tuning.targets
    return sum(layers for m, layers in adapted_matrices(job) if not (fused and m.name in _QKV - {"q_proj"}))


def adapter_parameters(job: Job) -> float:
    """Of the whole model: rank x (inputs + outputs) for each matrix."""
    rank = job.tuning.rank
    return float(sum(layers * m.copies * rank * (m.inputs + m.outputs) for m, layers in adapted_matrices(job)))


def _is_named(name: str, named: tuple[str, ...]) -> bool:
    """Latent attention splits queries, keys and values; experts' matrices are called as dense ones."""
    plain = re.sub(r"^(expert|shared)_", "", name)
    if plain in named or (FUSED in named and plain in _QKV):
        return True
    return ("q_proj" in named and name.startswith("q_")) or ("v_proj" in named and "kv_" in name)
