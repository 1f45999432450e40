"""Golden trajectories: the first fifty steps of two recipes, made smaller. To make the stored ones anew:

    python tests/golden/trajectories.py            # both, or name them

Everything comes from the recipe (data, base, algorithm) but for a few things. fp32: bf16 rounds so coarsely that after
a few steps another kernel is as far away as another learning rate. Short rows and small steps: fifty steps in a
minute. One thread.
"""

import json
import sys
import tempfile
from pathlib import Path

from danlu.errors import Waivers
from danlu.recipe import load
from danlu.run.carry import carry_stage
from danlu.run.settle import settle
from danlu.run.stage import Context
from danlu.run.stages import base, data, items, train
from danlu.run.store import Store

HERE = Path(__file__).parent
STEPS = 50
SMALL = ["threads=1", "training.precision=fp32", "training.checkpoint_every_steps=1000", "evaluation.guard=null"]
RECIPES = {
    "tutor-demo": [
        "data.max_length=128",
        "data.overlong=truncate-left",
        "data.max_lost_tokens=1",
        "training.batch_tokens=128",
        "training.max_tokens=7000",
    ],
    "scratch": [
        "data.max_length=128",
        "training.batch_tokens=256",
        "training.max_tokens=12500",
        "training.schedule.warmup=0.9",  # the recipe's first fifty steps are warm-up too
        "training.optimizer.lr=1e-3",  # at the recipe's own rate so small steps amplify rounding
    ],
}


def trajectory(name, folder, *overrides):
    """The rows of the recipe's first steps; its stages are carried out below `folder`."""
    path = HERE.parents[1] / "recipes" / f"{name}.yaml"
    recipe = settle(load(path, [*SMALL, *RECIPES[name], *overrides]), path.parent)
    context = Context(recipe, folder / "run", Store(folder / "store"), Waivers(), lambda *_: None)
    context.folder.mkdir()
    for stage in (base.STAGE, items.STAGE, data.STAGE, train.STAGE):
        carry_stage(stage, context)
    lines = (context.of("train") / "trajectory.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines[:STEPS]]


def stored(name):
    return json.loads((HERE / f"{name}.json").read_text())


def write(name):
    with tempfile.TemporaryDirectory() as folder:
        rows = trajectory(name, Path(folder))
    kept = {key: [float(f"{row[key]:.7g}") for row in rows] for key in ("loss", "grad_norm", "lr", "tokens")}
    lines = ",\n".join(f'"{key}": {json.dumps(values)}' for key, values in kept.items())
    (HERE / f"{name}.json").write_text(f"{{{lines}}}\n")
    print(name, len(rows), "steps, from", rows[0]["loss"], "to", rows[-1]["loss"])


if __name__ == "__main__":
    for wanted in sys.argv[1:] or RECIPES:
        write(wanted)
