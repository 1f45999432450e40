"""danlu's side of the race: the stage `train` as `danlu run` carries it out, in a process of its own.

python ours.py FOLDER SETTINGS OUT.json     (SETTINGS: {"until": steps or null, "threads": N, "seed": N})
"""

import contextlib
import json
import sys
from pathlib import Path

from course import TRAIN, plan_of, prepared
from meter import Log, key

from danlu.run.machine import prepare_libraries


class EnoughError(Exception):
    """As many steps as were asked for are done."""


def fed(context):
    """What the model is given: {tokens, cells, supervised, documents} of each step. Cells are what is computed: what
    documents begin with alike stands in a micro-batch once."""
    from danlu.training.batches import micro_batches

    training = context.recipe.training
    shards, planned = plan_of(context)
    steps = []
    for packs in planned.steps:
        micros = micro_batches(shards, packs, training.micro_batch_tokens)
        documents = iter([document for pack in packs for document in shards.pack(pack)])
        seen = [found for micro in micros for found in given(micro, documents)]
        steps.append(
            {
                "tokens": sum(len(ids) for ids, _ in seen),
                "cells": sum(len(micro.ids) for micro in micros),
                "supervised": sum(len(micro.predicting) for micro in micros),
                "documents": [key(ids, places) for ids, places in seen],
            }
        )
    return steps


def given(micro, documents):
    """(tokens, places whose token is learned) of each document as the micro-batch holds it."""
    from danlu.training.batches import MicroBatch

    done = 0
    for tokens, document in zip(micro.attention().documents, documents, strict=False):
        places = MicroBatch.of([document]).predicting + 1
        part = slice(done, done + len(places))
        assert micro.predicting[part].equal(tokens[places - 1])
        assert micro.targets[part].equal(micro.ids[tokens][places])
        done += len(places)
        yield micro.ids[tokens], places.tolist()
    assert done == len(micro.predicting)


def initialised_with(seed):
    """The recipe's seed also orders the data; here the adapters alone start anew. Their size goes into the list."""
    from danlu.model import lora

    attach, trained = lora.attach, []

    def attach_with(decoder, rank, alpha, targets, _seed):
        attach(decoder, rank, alpha, targets, seed)
        trained.append(sum(p.numel() for p in decoder.parameters() if p.requires_grad))

    lora.attach = attach_with
    return trained


def main():
    folder, settings, out = Path(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3]
    prepare_libraries()
    log = Log()

    def listen(event, facts):
        if event == "step":
            log.step_ended()
            log.losses.append(facts["loss"])
            if facts["step"] == settings["until"]:
                raise EnoughError

    context = prepared(folder, settings["threads"], listen)
    trained = initialised_with(settings["seed"])
    work = Path(out).with_suffix(".work")
    work.mkdir()
    with contextlib.suppress(EnoughError):
        TRAIN.build(context, work)
    log.write(out, fed(context), trained=trained[0], leak=None)


if __name__ == "__main__":
    main()
