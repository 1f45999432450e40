"""What the tests of training share: made documents, a recipe, and the loop with its fingerprint."""

import numpy as np

from danlu.errors import Waivers
from danlu.recipe import Optimizer, Training
from danlu.tokens import Document
from danlu.training import loop


def documents(count, seed=0):
    draw = np.random.default_rng(seed)
    for number in range(count):
        length = int(draw.integers(4, 20))
        mask = np.arange(length) >= length // 2
        yield Document(draw.integers(3, 259, length).astype(np.int32), mask, "made", f"made:{number}")


def config(**changes):
    settings = {"optimizer": Optimizer(lr=1e-2), "batch_tokens": 70, "epochs": 2, "checkpoint_every_steps": 2}
    return Training(**settings | {"precision": "fp32"} | changes)


def train(recipe, base, data, work, *, reasons=None, ranks=1, emit=lambda *_: None):
    fingerprint = loop.fingerprint_of(recipe, base, data, loop.Circumstances("", None, ranks))
    waivers = Waivers(reasons or {})
    return loop.train(recipe, base, data, work, waivers=waivers, fingerprint=fingerprint, ranks=ranks, emit=emit)
