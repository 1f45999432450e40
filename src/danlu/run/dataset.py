"""`danlu data build`: the data of a recipe alone, decontaminated against what its evaluation would ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from danlu.artefact import read_json
from danlu.hub.store import Emit
from danlu.recipe import load
from danlu.run.carry import Request, carry_stage
from danlu.run.measure import Meter
from danlu.run.settle import settle
from danlu.run.stage import Context
from danlu.run.stages import base, data, items
from danlu.run.store import Store

SCHEMA = "danlu/data-build-1"


def build_data(request: Request, emit: Emit) -> dict[str, Any]:
    """Write shards, decisions.parquet and card.json into `request.out`; returns the card with cpu_s beside it.

    The base and the items that it needs are kept in the folder's own hidden store.
    """
    assert request.out is not None
    out = request.out
    out.mkdir(parents=True, exist_ok=True)
    settled = settle(load(request.recipe, request.overrides), request.recipe.parent)
    context = Context(settled, out, Store(out.parent / f".{out.name}.store"), request.waivers, emit)
    for stage in (base.STAGE, items.STAGE):
        carry_stage(stage, context)
    meter = Meter(out)
    data.STAGE.build(context, out)
    cost = meter.cost().described()
    return {**read_json(out / "card.json"), "schema": SCHEMA, "folder": str(Path(out)), **cost}
