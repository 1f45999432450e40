"""The course of the race: recipes/tutor-demo.yaml as `danlu run` settles it, and the same told to TRL."""

import json
from pathlib import Path

from danlu.errors import Waivers
from danlu.recipe import load
from danlu.run.carry import carry_stage
from danlu.run.settle import settle
from danlu.run.stage import Context
from danlu.run.stages import base, data, items, train
from danlu.run.store import Store

RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "tutor-demo.yaml"
TRAIN = train.STAGE
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def prepared(folder, threads, listen=lambda *_: None):
    """The run up to its training, in `folder`: base, evaluation's items (the data must not hold them), data."""
    folder.mkdir(parents=True, exist_ok=True)
    settled = settle(load(RECIPE, [f"threads={threads}"]), RECIPE.parent)
    context = Context(settled, folder, Store(folder.parent / f".{folder.name}.store"), Waivers(), listen)
    for stage in (base.STAGE, items.STAGE, data.STAGE):
        carry_stage(stage, context)
    return context


def plan_of(context):
    """The packed documents, and which packs each step trains on."""
    from danlu.tokens import Shards
    from danlu.training.batches import plan

    training, shards = context.recipe.training, Shards(context.of("data"))
    planned = plan(
        shards,
        epochs=training.epochs,
        batch_tokens=training.batch_tokens,
        max_tokens=training.max_tokens,
        seed=training.seed,
    )
    return shards, planned


def described(context):
    """All that TRL needs to do the same, as JSON. `factors`: the learning rate's, for each number of steps."""
    from danlu.training.schedule import factor

    training = context.recipe.training
    shards, planned = plan_of(context)
    assert training.adapter.targets == "all-linear", "TARGETS names these"
    return {
        "base": str(base.resolved(context).folder),
        "steps": [[[told(d) for d in shards.pack(pack)] for pack in packs] for packs in planned.steps],
        "max_length": context.recipe.data.max_length,
        "optimizer": training.optimizer.model_dump(mode="json"),
        "lora": {"r": training.adapter.rank, "lora_alpha": training.adapter.alpha, "target_modules": TARGETS},
        "factors": {
            count: [factor(training.schedule, step, count) for step in range(count)]
            for count in range(1, 2 * len(planned.steps))
        },
    }


def told(document):
    return {"ids": document.ids.tolist(), "mask": document.mask.astype(int).tolist()}


def flop_per_token(course):
    """Useful floating-point operations per real token, for either side the same: LoRA's forward and backward pass.

    Forward, and gradients of inputs; gradients of weights for the adapters alone; attention over what precedes a
    token in its document; the head where a token is learned.
    """
    shape = json.loads((Path(course["base"]) / "config.json").read_text())
    width, heads, layers = shape["hidden_size"], shape["num_attention_heads"], shape["num_hidden_layers"]
    head_width = shape.get("head_dim") or width // heads
    queries, keys, ffn = heads * head_width, shape["num_key_value_heads"] * head_width, shape["intermediate_size"]
    sides = [(width, queries), (width, keys), (width, keys), (queries, width), (width, ffn), (width, ffn), (ffn, width)]
    frozen = sum(i * o for i, o in sides)
    adapters = sum(course["lora"]["r"] * (i + o) for i, o in sides)
    documents = [d for step in course["steps"] for pack in step for d in pack]
    tokens = sum(len(d["ids"]) for d in documents)
    pairs = sum(len(d["ids"]) ** 2 / 2 for d in documents)  # a token and one at or before it
    learned = sum(sum(d["mask"][1:]) for d in documents)
    linear = tokens * layers * (4 * frozen + 6 * adapters)
    attention = pairs * layers * 3 * 4 * queries  # scores and sums: two products forward, four backward
    return (linear + attention + learned * 4 * width * shape["vocab_size"]) / tokens
