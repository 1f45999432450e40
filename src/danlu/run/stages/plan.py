"""The stage `plan`: what the run will take, said before anything is spent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from danlu.artefact import hash_folder, read_json, write_json
from danlu.run.planning import plan_recipe
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
    plan = plan_recipe(
        context.recipe, root=Path(), base=resolved(context), renderer=renderer(context), history=context.history
    )
    described = plan.to_json()
    described["detectable"] = read_json(context.of("items") / "manifest.json")["detectable"]
    write_json(folder / "plan.json", described)
    context.emit("planned", {"plan": described})


STAGE = Stage("plan", __name__, _facts, _build, hash_folder)
