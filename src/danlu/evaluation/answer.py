"""One arm answers every item; what it said is kept item by item.

Nothing here imports torch: a model comes in as `generation`'s two protocols.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from danlu.artefact import read_json
from danlu.evaluation import choice, log, loss, text, tutor
from danlu.evaluation.items import FEW_SHOT_FILE, GENERAL_TEXT, SCENARIO, read_items
from danlu.recipe.evaluation import Evaluation, HeldOutScenario, TextScenario, TutorScenario

if TYPE_CHECKING:
    from danlu.generation import ChatModel, Generator, Reply
    from danlu.tokens import Renderer

FEW_SHOT = "scenario-few-shot"
Arm = Literal["base", "tuned"]
Emit = Callable[[str, Mapping[str, object]], None]
Items = Sequence[Mapping[str, Any]]


def answer(
    evaluation: Evaluation,
    items: Path,
    out: Path,
    *,
    chat: ChatModel,
    generator: Generator,
    renderer: Renderer,
    arm: Arm,
    emit: Emit,
) -> None:
    """Write out/TASK.jsonl for each task of the items' manifest, and the few-shot answers of the base arm.

    Greedy, in a fixed order, a chunk of `evaluation.batch` items at a time: a run that was killed goes on, and ends
    in the same bytes. Emits "answer" with task, arm, done and total after each chunk.
    """
    out.mkdir(parents=True, exist_ok=True)
    model = _Model(chat, generator, renderer, emit)
    for task, source in answered_tasks(evaluation, arm):
        asked = read_items(items, source)
        ask = model.asker(evaluation, task, items)
        progress = partial(_progress, emit, {"task": task, "arm": arm, "total": len(asked)})
        log.append(out / f"{task}.jsonl", asked, evaluation.batch, ask, progress)


def answered_tasks(evaluation: Evaluation, arm: Arm) -> list[tuple[str, str]]:
    """(task, name of its items) of every log that an arm leaves."""
    scenario = evaluation.scenario
    tasks = [(SCENARIO, SCENARIO)]
    if arm == "base" and isinstance(scenario, TutorScenario) and scenario.few_shot:
        tasks.append((FEW_SHOT, SCENARIO))
    return tasks + [(name, name) for name in (evaluation.guard.tasks if evaluation.guard else ())]


def _progress(emit: Emit, what: Mapping[str, object], done: int) -> None:
    emit("answer", {**what, "done": done})


class _Model:
    """One arm: how it answers each kind of task, a chunk of items at a time."""

    def __init__(self, chat: ChatModel, generator: Generator, renderer: Renderer, emit: Emit) -> None:
        self._chat, self._generator, self._renderer, self._emit = chat, generator, renderer, emit

    def asker(self, evaluation: Evaluation, task: str, items: Path) -> Callable[[Items], list[log.Record]]:
        """The function that answers a chunk of a task's items."""
        scenario = evaluation.scenario
        if task == GENERAL_TEXT:
            return self._texts
        if task in choice.TASKS:
            return partial(self._choices, choice.TASKS[task].primary)
        if isinstance(scenario, HeldOutScenario):
            sampled = frozenset(item["item_id"] for item in read_items(items, SCENARIO)[: scenario.samples])
            return partial(self._held_out, scenario.max_new_tokens, sampled)
        if isinstance(scenario, TextScenario):
            return self._documents
        few_shot = read_json(items / FEW_SHOT_FILE)["messages"] if task == FEW_SHOT else []
        return partial(self._tutor, scenario.max_new_tokens, few_shot)

    def _texts(self, items: Items) -> list[log.Record]:
        pieces = [[loss.whole(self._renderer.tokenizer, item)] for item in items]
        return loss.measure(self._generator, items, pieces, self._emit)

    def _documents(self, items: Items) -> list[log.Record]:
        return text.measure(self._generator, self._renderer, items, self._emit)

    def _choices(self, primary: str, items: Items) -> list[log.Record]:
        from danlu.generation import score_texts

        requests = [{"context": item["context"], "continuations": choice.continuations(item)} for item in items]
        scored = score_texts(self._generator, self._renderer.tokenizer, requests, self._emit)
        return [choice.mark(item, [s.logprob for s in own], primary) for item, own in zip(items, scored, strict=True)]

    def _tutor(self, max_new_tokens: int, few_shot: Sequence[tutor.Message], items: Items) -> list[log.Record]:
        replies = {
            turn: self._reply([tutor.prompt(item, turn, few_shot) for item in items], max_new_tokens)
            for turn in tutor.TURNS
        }
        return [tutor.mark(item, {turn: replies[turn][n] for turn in tutor.TURNS}) for n, item in enumerate(items)]

    def _held_out(self, max_new_tokens: int, sampled: frozenset[str], items: Items) -> list[log.Record]:
        records = loss.measure(self._generator, items, [loss.pieces(self._renderer, i) for i in items], self._emit)
        asked = [n for n, item in enumerate(items) if item["item_id"] in sampled and "messages" in item]
        if asked:
            replies = self._reply([items[n]["messages"][:-1] for n in asked], max_new_tokens)
            for n, reply in zip(asked, replies, strict=True):
                records[n]["reply"] = reply.text
        return records

    def _reply(self, conversations: Sequence[Sequence[tutor.Message]], max_new_tokens: int) -> Sequence[Reply]:
        from danlu.generation import Sampling

        return self._chat.reply(conversations, Sampling(max_new_tokens=max_new_tokens), self._emit)
