"""The stage `plan`: whether the base can hold the run, and what it will take; said before anything is spent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from danlu.artefact import hash_folder, read_json, write_json
from danlu.errors import RecipeError
from danlu.evaluation import check_lengths
from danlu.run.planning import plan_recipe
from danlu.run.probe import stored
from danlu.run.stage import Context, Stage
from danlu.run.stages.base import renderer, resolved


def _facts(context: Context) -> dict[str, Any]:
    """A plan is made once for each run folder: what was planned is not changed by what was learnt since."""
    return {
        "recipe": context.recipe.model_dump(mode="json"),
        "run": context.folder.name,
        "base": context.outputs["base"],
        "items": context.outputs["items"],
    }


def _build(context: Context, folder: Path) -> None:
    _check_context(context)
    plan = plan_recipe(
        context.recipe,
        root=Path(),
        base=resolved(context),
        renderer=renderer(context),
        history=context.history,
        probe=stored(context.recipe, Path()),
    )
    described = plan.to_json()
    described["detectable"] = read_json(context.of("items") / "manifest.json")["detectable"]
    write_json(folder / "plan.json", described)
    context.emit("planned", {"plan": described})


def _check_context(context: Context) -> None:
    """Rows and items must fit into the base's positions: said here, before anything is paid for."""
    config = read_json(resolved(context).folder / "config.json")
    positions = int(config["max_position_embeddings"])
    if context.recipe.data.max_length > positions:
        raise RecipeError(
            f"data.max_length is {context.recipe.data.max_length}, more than the base's {positions} positions. "
            f"Set data.max_length={positions} or less."
        )
    check_lengths(context.recipe.evaluation, context.of("items"), renderer(context), positions)


STAGE = Stage("plan", __name__, _facts, _build, hash_folder)
