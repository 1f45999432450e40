"""Loss and steps: what a trainer reckons wrong while its curve goes down all the same."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from silent import judge, material, ours
from silent.case import Case, Finding, Run

STILL = 1e-9  # a learning rate at which every step's loss is the base's
CLOSE = 2e-3  # nats: fp32 against fp32 in another order, and rounding in a log


def uneven(count: int = 8, seed: int = 3) -> list[material.Row]:
    """Replies of very different lengths and likelihoods: here a mean of means differs from the mean of tokens."""
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        words = " ".join(draw.choice("abcdefghijklmnopqrstuvwxyz") * draw.randint(1, 9) for _ in range(3))
        reply = "ok" if number % 2 else " ".join(draw.choice(["xylem", "zinc", "quartz", "jazz"]) for _ in range(12))
        rows.append(material.dialogue(f"Say {number} {words}", f"{reply} {number}"))
    return rows


# Loss over micro-batches.


def _uneven_fixture(folder: Path) -> None:
    material.fixture(folder, uneven(), batch_size=1, gradient_accumulation=8, lr=STILL)


def _danlu_split(folder: Path) -> Finding:
    tokens = ours.build(folder).manifest["num_tokens"]
    learn = {"training": {"epochs": 3, "optimizer": {"lr": 1e-2}, "batch_tokens": tokens}}
    whole = ours.train(folder, f"training.micro_batch_tokens={tokens}", out="whole", **learn)
    split = ours.train(folder, "training.micro_batch_tokens=16", out="split", **learn)
    away = max(abs(a["loss"] - b["loss"]) for a, b in zip(whole, split, strict=True))
    rows = [judge.summed_loss(folder / "base", d.ids.tolist(), _labels(d)) for d in ours.shards(folder).documents()]
    mean = sum(total for total, _ in rows) / sum(count for _, count in rows)
    right = away < 1e-4 and abs(split[0]["loss"] - mean) < CLOSE
    return ours.proven(
        right,
        f"one micro-batch or eight: {len(whole)} steps differ by {away:.0e} nats; step 1 is the mean over tokens",
        f"micro-batches change the loss by {away:.2g} nats",
    )


def _peer_split(run: Run) -> Finding:
    if found := judge.missing(run, "losses", "trained"):
        return found
    return _normalised(run.losses[0], run.trained[:8])


def _normalised(loss: float, step: list[dict[str, Any]]) -> Finding:
    by_token, by_batch = judge.token_mean(judge.base(), step), judge.mean_of_means(judge.base(), step)
    said = f"loss {loss:.3f}; mean over tokens {by_token:.3f}, over micro-batches {by_batch:.3f}"
    return ours.proven(abs(loss - by_token) < min(abs(loss - by_batch), 0.05), said, said)


# The last step of an epoch.


def _remainder_fixture(folder: Path) -> None:
    material.fixture(folder, uneven(6, seed=4), batch_size=1, gradient_accumulation=4, lr=STILL)


def _danlu_remainder(folder: Path) -> Finding:
    steps = ours.train(
        folder, "data.max_length=160", "training.batch_tokens=300", "training.epochs=2", "training.optimizer.lr=1e-3"
    )
    tokens = int(sum(step["tokens"] for step in steps))
    wanted = 2 * ours.shards(folder).manifest["num_tokens"]
    even = len({step["tokens"] for step in steps}) > 1
    counts = f"{len(steps)} steps of {', '.join(str(int(s['tokens'])) for s in steps)} tokens"
    return ours.proven(
        tokens == wanted and even,
        f"{counts}: all {wanted} of two epochs, each step divided by its own count",
        f"{counts}, but two epochs have {wanted}",
    )


def _peer_remainder(run: Run) -> Finding:
    if found := judge.missing(run, "losses", "trained"):
        return found
    if len(run.trained) != 6:
        return Finding("missed", f"{len(run.trained)} of 6 rows were trained on")
    mean, loss = judge.token_mean(judge.base(), run.trained[4:]), run.losses[-1]
    said = f"all rows; the last step's loss {loss:.3f}, the mean over its two rows {mean:.3f}"
    return ours.proven(abs(loss - mean) < 0.3, said, said)


# Fewer rows than a batch.


def _few_fixture(folder: Path) -> None:
    material.fixture(folder, material.sums(3), batch_size=2, gradient_accumulation=8, lr=1e-2)


def _danlu_few(folder: Path) -> Finding:
    steps = ours.train(folder)
    moved = _moved(folder / "base", folder / "train" / "model")
    return ours.proven(
        len(steps) == 1 and moved > 0,
        f"{len(steps)} step on all {int(steps[0]['tokens'])} tokens; the saved weights differ from the base's",
        "nothing was trained",
    )


def _peer_few(run: Run) -> Finding:
    if found := judge.missing(run, "model"):
        return found
    assert run.model is not None
    moved = _moved(judge.base(), run.model)
    said = f"{len(run.losses)} steps; largest change of a weight {moved:.1g}"
    return ours.proven(moved > 0, said, said)


# More rows to a step than there are.


def _copies_fixture(folder: Path) -> None:
    material.fixture(folder, material.sums(4), batch_size=2, gradient_accumulation=16, epochs=3, lr=1e-3)


def _danlu_copies(folder: Path) -> Finding:
    steps = ours.train(folder)
    tokens = ours.shards(folder).manifest["num_tokens"]
    said = f"{len(steps)} steps for 3 passes over {tokens} tokens, of {', '.join(str(int(s['tokens'])) for s in steps)}"
    return ours.proven(len(steps) >= 3, said, f"{said}: every row three times in one step")


def _peer_copies(run: Run) -> Finding:
    if found := judge.missing(run, "losses"):
        return found
    said = f"{len(run.losses)} steps for 3 passes"
    return ours.proven(len(run.losses) >= 3, said, said)


def _moved(before: Path, after: Path) -> float:
    old, new = judge.weights(before), judge.weights(after)
    return max(float((new[name] - old[name]).abs().max()) for name in old if name in new)


# Order.


def _order_fixture(folder: Path) -> None:
    material.fixture(folder, material.sums(12), batch_size=1, epochs=2, lr=STILL)


def _danlu_order(folder: Path) -> Finding:
    from danlu.training.batches import plan

    shards = ours.build(folder, "data.max_length=100")
    ways = {"epochs": 2, "batch_tokens": 1, "max_tokens": None}
    steps = [pack for (pack,) in plan(shards, **ways, seed=0).steps]
    again = [pack for (pack,) in plan(shards, **ways, seed=0).steps]
    other = [pack for (pack,) in plan(shards, **ways, seed=1).steps]
    half = len(steps) // 2
    first, second = steps[:half], steps[half:]
    right = sorted(first) == sorted(second) and first != second and steps == again and steps != other
    return ours.proven(
        right,
        f"each of {half} packs once an epoch, in another order the second time; the seed decides, and nothing else",
        f"orders {first} and {second}",
    )


def _peer_order(run: Run) -> Finding:
    if found := judge.missing(run, "trained"):
        return found
    rows = [tuple(batch["input_ids"][0]) for batch in run.trained]
    half = len(rows) // 2
    first, second = rows[:half], rows[half:]
    if Counter(first) != Counter(second):
        return Finding("missed", f"the two epochs hold different rows ({len(rows)} micro-batches)")
    return ours.proven(first != second, f"{half} rows, shuffled anew", "both epochs in the same order")


def _labels(document: Any) -> list[int]:
    return [int(i) if kept else -100 for i, kept in zip(document.ids, document.mask, strict=True)]


LOSSES: Mapping[str, frozenset[str]] = {"want": frozenset({"losses"})}
MODEL: Mapping[str, frozenset[str]] = {"want": frozenset({"model"})}
CASES = (
    Case(
        "loss-normalised-by-micro-batch",
        "With gradient accumulation each micro-batch is divided by its own count, so short replies weigh more.",
        "The loss of a step changes with the split into micro-batches.",
        7,
        "https://github.com/huggingface/transformers/pull/34191",
        _uneven_fixture,
        _danlu_split,
        _peer_split,
        **LOSSES,
    ),
    Case(
        "last-step-scaled-wrong",
        "The last, incomplete step of an epoch is dropped, or divided as if it were complete.",
        "Rows that no step saw, or a last loss that is too small by the missing share.",
        None,
        "https://github.com/huggingface/transformers/pull/39659",
        _remainder_fixture,
        _danlu_remainder,
        _peer_remainder,
        **LOSSES,
    ),
    Case(
        "fewer-rows-than-a-batch",
        "A loader that drops incomplete batches drops the only one: training ends well and has trained nothing.",
        "The saved weights are the base's.",
        None,
        "https://github.com/dreamquark-ai/tabnet/issues/537",
        _few_fixture,
        _danlu_few,
        _peer_few,
        **MODEL,
    ),
    Case(
        "more-rows-to-a-step-than-there-are",
        "A step larger than the data takes every pass at once: one update where several were asked for.",
        "Steps against passes.",
        None,
        "",
        _copies_fixture,
        _danlu_copies,
        _peer_copies,
        **LOSSES,
    ),
    Case(
        "order-never-changes",
        "Every epoch, or every seed, sees the rows in the same order.",
        "The rows of two epochs side by side.",
        None,
        "https://github.com/huggingface/transformers/issues/11389",
        _order_fixture,
        _danlu_order,
        _peer_order,
        **LOSSES,
    ),
)
