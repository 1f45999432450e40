"""Whose serving is measured: model and hardware of a published row."""

from __future__ import annotations

from danlu.compute.architecture import Architecture, lookup, of_size, size_in
from danlu.compute.catalogue import Cluster, find
from danlu.compute.validation.serving_cells import Row, billions, number
from danlu.errors import RecipeError

_ALIKE = 0.15  # a name's architecture within so much of the row's own size is meant


def architecture_of(row: Row) -> Architecture:
    """By the model's name where the row's size agrees, else from the size. Raises RecipeError where both lack."""
    name = row.get("model") or ""
    found, told = lookup(name), size_in(name)
    total, active = billions(row.get("params_total")), billions(row.get("params_active"))
    if found is not None and (total is None or abs(found.num_parameters / total - 1) < _ALIKE):
        return found
    if total is None:
        total, active = told
    if total is None:
        raise RecipeError(f"model {name!r} is not known, and neither its name nor the row tells its size.")
    return of_size(total, active, name=name)


def cluster_of_row(row: Row) -> Cluster:
    """By the hardware's name."""
    count = number(row.get("n_gpus"))
    return Cluster.of(find(row.get("hardware") or ""), max(1, round(count)) if count else 1)
