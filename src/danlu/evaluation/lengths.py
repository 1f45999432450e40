"""Items that the model could not read, found before a training is paid for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from danlu.artefact import read_json
from danlu.errors import DanluError, DataError, Refusal
from danlu.evaluation import choice, loss, text, tutor
from danlu.evaluation.answer import FEW_SHOT, answered_tasks
from danlu.evaluation.items import FEW_SHOT_FILE, SCENARIO, read_items
from danlu.recipe.evaluation import Evaluation, HeldOutScenario, TextScenario, TutorScenario

if TYPE_CHECKING:
    from danlu.tokens import Renderer

Item = Mapping[str, Any]


def check_lengths(evaluation: Evaluation, items: Path, renderer: Renderer, max_positions: int) -> None:
    """Render every item as an arm would be asked it. max_positions: of the model's context, in tokens.

    Raises DataError naming the item that the template cannot render or that is longer than the context, with the
    reply that it must leave room for.
    """
    for task, source in answered_tasks(evaluation, "base"):
        few_shot = read_json(items / FEW_SHOT_FILE)["messages"] if task == FEW_SHOT else []
        for number, item in enumerate(read_items(items, source)):
            try:
                longest = max(_lengths(evaluation, task, number, item, (renderer, few_shot)))
            except Refusal as error:
                raise Refusal(error.number, f"evaluation, item {item['item_id']}: {error}") from error
            except DanluError as error:
                raise DataError(f"evaluation, item {item['item_id']}: {error}") from error
            if longest > max_positions:
                raise DataError(
                    f"evaluation, item {item['item_id']} of {task} needs {longest} tokens, its reply included, but the "
                    f"model's context holds {max_positions}. Shorten or remove it, or lower max_new_tokens."
                )


def _lengths(
    evaluation: Evaluation, task: str, number: int, item: Item, asking: tuple[Renderer, Sequence[tutor.Message]]
) -> Iterator[int]:
    """Tokens of each thing that is asked about an item."""
    renderer, few_shot = asking
    scenario = evaluation.scenario
    if task in choice.TASKS:
        for continuation in choice.continuations(item):
            yield 1 + len(renderer.tokenizer.encode(item["context"] + continuation))
    elif task == SCENARIO and isinstance(scenario, TextScenario):
        text.check(renderer.tokenizer, item)
        yield 0  # a document may be longer than the context: it is scored in windows
    elif "problem" in item:
        assert isinstance(scenario, TutorScenario)
        for turn in tutor.TURNS:
            yield len(renderer.prompt(tutor.prompt(item, turn, few_shot))) + scenario.max_new_tokens
    else:
        yield from (len(seen) + len(predicted) for seen, predicted in loss.pieces(renderer, item))
        if isinstance(scenario, HeldOutScenario) and "messages" in item and number < scenario.samples:
            yield len(renderer.prompt(item["messages"][:-1])) + scenario.max_new_tokens
