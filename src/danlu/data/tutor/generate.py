"""Training rows and held-out scenario items, drawn from seeds alone."""

from __future__ import annotations

import random
from types import ModuleType
from typing import Any

from danlu.data.row import Row
from danlu.data.tutor.dialogue import SYSTEM, Ending, Message, Trouble, write
from danlu.data.tutor.families import (
    daily,
    geometry,
    held_out_home,
    held_out_journeys,
    held_out_play,
    held_out_work,
    money,
    numbers,
    sharing,
)
from danlu.data.tutor.problem import Family, TutorProblem, draw
from danlu.data.tutor.voice import HELD_OUT, TRAINING


def _named(*modules: ModuleType) -> dict[str, Family]:
    found = {family.__name__: family for module in modules for family in module.FAMILIES}
    assert len(found) == sum(len(module.FAMILIES) for module in modules), "two families share a name"
    return found


TRAINING_FAMILIES = _named(daily, geometry, money, numbers, sharing)
HELD_OUT_FAMILIES = _named(held_out_home, held_out_journeys, held_out_play, held_out_work)
_EXAMPLES: tuple[tuple[str, int, Trouble], ...] = (("packs_and_singles", 3, "slip"), ("price_per_item", 1, "lost"))
_WRONG: tuple[Trouble, ...] = ("slip", "slip", "miscount")


def _in_turn(names: dict[str, Family], count: int, rng: random.Random) -> list[str]:
    """`count` names, each as often as the others, in an order of their own each time round."""
    order: list[str] = []
    while len(order) < count:
        order += rng.sample(sorted(names), len(names))
    return order[:count]


def _troubles(problem: TutorProblem, rng: random.Random) -> dict[int, list[Trouble]]:
    """What goes wrong on the way: mostly nothing or one thing, so that dialogues stay short."""
    count = rng.choices((0, 1, 2), (45, 45, 10))[0] if len(problem.steps) < 3 else rng.choices((0, 1), (70, 30))[0]
    troubles: dict[int, list[Trouble]] = {}
    kinds: list[Trouble] = [rng.choice(_WRONG), "lost", "off_topic", "want"]
    for kind in rng.sample(kinds, count):
        troubles.setdefault(rng.randrange(len(problem.steps)), []).append(kind)
    return troubles


def _system() -> Message:
    return {"role": "system", "content": SYSTEM}


def rows(count: int, seed: int, source: str) -> list[Row]:
    """`count` training dialogues, no two alike, spread evenly over the training families."""
    made: list[Row] = []
    seen: set[str] = set()
    for number, name in enumerate(_in_turn(TRAINING_FAMILIES, count, random.Random(f"tutor:{seed}"))):
        rng = random.Random(f"tutor:{seed}:{number}")
        for _ in range(50):
            problem = draw(name, TRAINING_FAMILIES[name], rng)
            ending: Ending = "named" if rng.random() < 0.75 else "found"
            messages = write(problem, rng, TRAINING, _troubles(problem, rng), ending)
            row = Row(f"{source}:{number}", source, f"tutor seed {seed}:{number}", (_system(), *messages))
            if row.content not in seen:
                break
        seen.add(row.content)
        made.append(row)
    return made


def held_out(count: int, seed: int) -> list[dict[str, Any]]:
    """`count` scenario items, spread evenly over the held-out families.

    `first` ends with the problem; `closing` with the pupil's last calculation, whose result nobody has stated.
    """
    items: list[dict[str, Any]] = []
    for number, name in enumerate(_in_turn(HELD_OUT_FAMILIES, count, random.Random(f"held-out:{seed}"))):
        rng = random.Random(f"held-out:{seed}:{number}")
        problem = draw(name, HELD_OUT_FAMILIES[name], rng)
        messages = write(problem, rng, HELD_OUT, _troubles(problem, rng), "open")
        items.append(item(f"tutor:{name}:{number}", name, problem, messages))
    return items


def item(item_id: str, cluster: str, problem: TutorProblem, messages: list[Message]) -> dict[str, Any]:
    """The scenario item of a scripted history that ends one step before the answer."""
    assert all(message["role"] in ("user", "assistant") for message in messages)
    return {
        "item_id": item_id,
        "cluster": cluster,
        "problem": problem.text,
        "answer": problem.answer,
        "forbidden": list(problem.forbidden),
        "first": {"messages": [_system(), messages[0]]},
        "closing": {"messages": [_system(), *messages]},
        "steps": [f"{step.calculation} = {step.value}" for step in problem.steps],
    }


def few_shot() -> list[Message]:
    """Two worked dialogues, the messages after the system prompt: the base's best prompt."""
    shown: list[Message] = []
    for name, seed, trouble in _EXAMPLES:
        rng = random.Random(f"few-shot:{seed}")
        kinds: dict[int, list[Trouble]] = {0: [trouble]}
        shown += write(draw(name, TRAINING_FAMILIES[name], rng), rng, TRAINING, kinds, "named")
    return shown
