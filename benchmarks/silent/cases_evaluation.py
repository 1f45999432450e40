"""Evaluation: numbers that say something else than one reads; and what danlu does not do yet."""

from __future__ import annotations

import json
import random
from pathlib import Path

from silent import judge, material, ours
from silent.case import Case, Finding, Run
from silent.cases_training import STILL, uneven


def _short_and_long() -> list[material.Row]:
    """Short replies first, then long ones: batches of neighbours are then uneven."""
    draw = random.Random(9)
    rows = []
    for number in range(12):
        said = "no" if number < 6 else " ".join(draw.choice(["quartz", "jazz", "vexing"]) for _ in range(14))
        rows.append(material.dialogue(f"Number {number * 7}: {draw.random():.5f}?", f"{said} {draw.random():.4f}"))
    return rows


def _evaluation_fixture(folder: Path) -> None:
    material.fixture(folder, uneven(), evaluation=_short_and_long(), lr=STILL, epochs=2, batch_size=2)


def _danlu_batch(folder: Path) -> Finding:
    """The same rows, two at a time and twelve at a time; and the mean reckoned by hand from the base."""
    found = []
    for size in (2, 12):
        done = ours.run(folder, f"evaluation.batch={size}", "training.optimizer.lr=1e-3", out=f"run-{size}")
        (row,) = (row for row in done["scenario"] if row["metric"] == "held_out_loss")
        found.append((row["base"], row["tuned"]))
    return ours.proven(
        found[0] == found[1],
        f"loss of the base and of the trained model the same to the bit in batches of 2 and of 12: {found[0][1]:.4f}",
        f"batches of 2 and of 12 give {found}",
    )


def _peer_batch(run: Run) -> Finding:
    if found := judge.missing(run, "eval_losses"):
        return found
    loss = run.eval_losses[0]
    by_token, by_batch = min((_means(after) for after in (0, 1)), key=lambda means: min(abs(loss - m) for m in means))
    said = f"eval_loss {loss:.4f}; mean over tokens {by_token:.4f}, mean of batches {by_batch:.4f}"
    if min(abs(loss - by_token), abs(loss - by_batch)) > 0.2 * abs(by_token - by_batch):
        return Finding("not run here", f"another set of tokens is judged: {said}")
    return ours.proven(abs(loss - by_token) <= abs(loss - by_batch), said, said)


def _means(after: int) -> tuple[float, float]:
    """Mean over tokens, and mean of the means of batches of two; so many tokens after a turn's end count too."""
    sums = [_supervised(row, after) for row in _short_and_long()]
    by_token = sum(total for total, _ in sums) / sum(count for _, count in sums)
    pairs = [sums[i : i + 2] for i in range(0, len(sums), 2)]
    return by_token, sum(sum(t for t, _ in pair) / sum(n for _, n in pair) for pair in pairs) / len(pairs)


def _supervised(row: material.Row, after: int) -> tuple[float, int]:
    from danlu.tokens import Renderer

    folder = judge.base()
    rendered = Renderer.from_folder(folder).train(row["messages"])
    last = max(i for i, kept in enumerate(rendered.mask) if kept) + after
    labels = [
        i if kept or at == last else -100 for at, (i, kept) in enumerate(zip(rendered.ids, rendered.mask, strict=True))
    ]
    return judge.summed_loss(folder, rendered.ids, labels)


def _dropout_fixture(folder: Path) -> None:
    material.fixture(
        folder,
        material.sums(8),
        evaluation=_short_and_long(),
        lr=STILL,
        epochs=2,
        base={"config": {"attention_dropout": 0.5}},
    )


def _danlu_dropout(folder: Path) -> Finding:
    items = [{"context": "Add 2 and 2:", "continuations": [" 4", " five"]}]
    material.write_rows(folder / "items.jsonl", items)
    material.write_base(folder / "still", config={"attention_dropout": 0.0})
    asked = [("base", "items.jsonl"), ("base", "items.jsonl"), ("still", "items.jsonl")]
    found = [json.loads(ours.command(folder, "score", *one, "--json").out)["items"][0]["logprobs"] for one in asked]
    return ours.proven(
        found[0] == found[1] == found[2],
        "attention_dropout 0.5 in config.json: two scorings, and one of the same base without it, agree to the bit",
        f"scorings differ: {found}",
    )


def _peer_dropout(run: Run) -> Finding:
    if found := judge.missing(run, "eval_losses"):
        return found
    if len(run.eval_losses) < 2:
        return Finding("not run here", "evaluated once")
    first, second = run.eval_losses[:2]
    said = f"two evaluations of unchanged weights: {first:.6f} and {second:.6f}"
    return ours.proven(abs(first - second) < 1e-5, said, said)


def _noise_fixture(folder: Path) -> None:
    material.fixture(folder, material.sums(12), evaluation=_short_and_long(), lr=2e-3, batch_size=4)


def _danlu_noise(folder: Path) -> Finding:
    """Twelve held-out rows and a training that changes next to nothing: no claim may come of it."""
    done = ours.run(folder)
    (row,) = (row for row in done["scenario"] if row["metric"] == "held_out_loss")
    low, high = row["ci95"]
    holds = low <= row["diff"] <= high and (done["verdict"] != "better" or high < 0)
    return ours.proven(
        holds and not done["ship"],
        f"{row['diff']:+.4f} nats, 95% interval {low:+.4f} to {high:+.4f}, verdict {done['verdict']}, no release",
        f"verdict {done['verdict']} from {row}",
    )


def _danlu_unguarded(folder: Path) -> Finding:
    """Trained hard on its own held-out style: better at it, and nobody asked what was lost."""
    rows = [material.dialogue(f"Say yes, {i}, {i * 37 % 101}.", "yes") for i in range(40)]
    material.write_rows(folder / "train.jsonl", rows[:28])
    material.write_rows(folder / "eval.jsonl", rows[28:])
    off = {"deduplicate": {"enabled": False}, "decontaminate": {"enabled": False}}
    done = ours.run(
        folder, "training.optimizer.lr=3e-2", "training.epochs=4", data=off, accept={14: "a case of its own"}
    )
    said = done["why"].removeprefix("Do not ship: ").split("; ")[0]
    return ours.proven(
        done["verdict"] == "better" and not done["ship"] and "guard" in said,
        f"verdict {done['verdict']}, and yet no release: {said}",
        f"verdict {done['verdict']}, ship {done['ship']}: {done['why']}",
    )


def _nothing(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)


def _no_policy(folder: Path) -> Finding:  # noqa: ARG001
    return Finding("not applicable", "danlu has no policy training yet: there is nothing to get wrong, nor to catch")


def _no_code(folder: Path) -> Finding:  # noqa: ARG001
    return Finding("not applicable", "danlu runs no code from a model yet; its verifiers parse and compute")


LATER = "a supervised fixture does not reach it"
LOSSES = frozenset({"losses"})
CASES = (
    Case(
        "evaluation-loss-by-batch",
        "The loss on held-out rows is a mean of batches, so it changes with the batch's size.",
        "The same rows in batches of another size, or the mean over tokens.",
        None,
        "https://github.com/huggingface/transformers/issues/39241",
        _evaluation_fixture,
        _danlu_batch,
        _peer_batch,
        LOSSES,
    ),
    Case(
        "dropout-in-evaluation",
        "Dropout stays on while a model is judged.",
        "Two evaluations of the same weights differ.",
        None,
        "https://github.com/karpathy/nanoGPT/pull/240",
        _dropout_fixture,
        _danlu_dropout,
        _peer_dropout,
        LOSSES,
    ),
    Case(
        "noise-taken-for-progress",
        "A difference of two means is read as progress, and the best of several noisy checkpoints as the best.",
        "An interval around the difference.",
        15,
        "https://github.com/jingyaogong/minimind/pull/840",
        _noise_fixture,
        _danlu_noise,
        "peers print a loss and claim nothing",
    ),
    Case(
        "release-without-a-guard",
        "Better at its task, worse at everything else, and nobody asked.",
        "What was good before is measured again.",
        15,
        "",
        _noise_fixture,
        _danlu_unguarded,
        "peers release nothing",
    ),
    Case(
        "rollout-tokenised-again",
        "A sampled reply is decoded and encoded again, and other ids are trained on.",
        "Ids sampled against ids trained on.",
        5,
        "https://github.com/huggingface/trl/issues/5224",
        _nothing,
        _no_policy,
        LATER,
    ),
    Case(
        "sampler-and-trainer-disagree",
        "The sampler's probabilities are not the trainer's, so the policy's gradient is off.",
        "Both log-probabilities of the same ids.",
        6,
        "https://github.com/huggingface/trl/pull/3867",
        _nothing,
        _no_policy,
        LATER,
    ),
    Case(
        "code-outside-a-sandbox",
        "Code that a model wrote runs with the rights of the training.",
        "Who may read and write what while it runs.",
        17,
        "https://github.com/openai/human-eval/issues/65",
        _nothing,
        _no_code,
        LATER,
    ),
)
