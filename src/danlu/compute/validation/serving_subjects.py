"""Whose serving is measured: model and hardware of a published row."""

from __future__ import annotations

import re
from dataclasses import replace

from danlu.compute.architecture import Architecture, lookup, of_size, size_in
from danlu.compute.catalogue import Cluster, cluster_of
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
    """By the hardware's name; nodes of one device each where the layout says so. Raises RecipeError for none known."""
    text = row.get("hardware") or ""
    count = number(row.get("n_gpus"))
    host = _host(row)
    found = host or cluster_of(text, max(1, round(count)) if count else None)
    if found is None:
        raise RecipeError(f"hardware {text!r} is not in the catalogue.")
    nodes = re.search(r"(\d+) nodes", (row.get("parallelism") or "").lower())
    if nodes is None or found.num_devices % int(nodes.group(1)):
        return found
    each = max(1, found.num_devices // int(nodes.group(1)))
    return replace(found, devices_per_node=each, link_domain=min(found.link_domain, each))


def _host(row: Row) -> Cluster | None:
    """The processor beside a card, where experts rest in its memory: their weights are most of what a token reads."""
    said = f"{row.get('parallelism')} {row.get('engine')}".lower()
    _, plus, beside = (row.get("hardware") or "").partition("+")
    if not plus or not re.search(r"cpu|ktransformers|socket", said):
        return None
    sockets = 1 if "single socket" in said else 2 if "dual socket" in said else None
    return cluster_of(f"{beside} [CPU]", sockets)
