"""A recipe's work, counted: tokens to train on and questions to answer, as compute/ wants to hear it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from danlu import data
from danlu.compute import Questions, Replies, Scoring, Workload
from danlu.compute.local.probe import Counted
from danlu.data import tutor
from danlu.data.estimate import Sampled
from danlu.data.formats import read
from danlu.data.pack import pack
from danlu.data.row import Row
from danlu.data.split import LEAST
from danlu.hub import is_fetched, parse
from danlu.recipe import (
    Evaluation,
    FreshBase,
    GeneratedSource,
    HeldOutScenario,
    Recipe,
    Source,
    TextScenario,
    Training,
    TutorScenario,
)
from danlu.run.settle import text_bytes
from danlu.tokens import Renderer, shared_beginnings

_SAMPLE = 12  # items rendered to learn how long prompts are
_DRAWN = 256  # documents of which packs are made to see what they begin with alike
# Mean tokens of a context and of all its choices, over 300 items of each task with SmolLM2's tokenizer.
_CHOICES: Mapping[str, tuple[float, float]] = {"arc-easy": (29, 18), "piqa": (14, 45), "sciq": (102, 7)}
_GENERAL_TEXTS, _GENERAL_TOKENS = 60, 95.0
_OWN = "scenario"  # the items that the scenario itself asks, as evaluation/items.py names them
_LONGEST = 97  # percentile of replies that stands for the longest of a batch
Scenario = TutorScenario | HeldOutScenario | TextScenario
Ids = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Asked:
    """Prompts of one kind of question, a sample of `count`; the longest reply allowed; arms that answer."""

    count: int
    prompts: tuple[list[int], ...]
    new_tokens: int
    arms: int

    @property
    def shared(self) -> int:
        """Tokens that all of them begin with; what the first and the last in order begin with, all do."""
        first, last = min(self.prompts), max(self.prompts)
        return next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), 0)

    @property
    def mean(self) -> float:
        """Tokens of a prompt."""
        return fmean(map(len, self.prompts))


def workload_of(recipe: Recipe, *, root: Path, renderer: Renderer, counted: Counted | None = None) -> Workload:
    """Tokens to train on and questions to answer, from samples of the sources and items.

    counted: what a probe counted of this recipe's data and items, in place of what samples show.
    """
    sampled = data.estimate(recipe.data, renderer=renderer, root=root)
    texts = list(_held_out_texts(recipe, sampled))
    scoring = [*texts, *_scoring(recipe.evaluation, root, renderer)]
    questions = list(_questions(recipe, sampled, root, renderer))
    found = counted or _counted(recipe, sampled, texts)
    if counted is not None:
        scoring = [Scoring(s.count, *seen, s.arms, s.name) for s, seen in zip(scoring, counted.scoring, strict=True)]
        questions = [_seen(q, seen) for q, seen in zip(questions, counted.questions, strict=True)]
    return Workload(
        tokens=found.tokens,
        supervised=found.supervised,
        document=found.document,
        max_length=recipe.data.max_length,
        rows=found.rows,
        source="counted by a probe" if counted is not None else f"estimated from a sample of {', '.join(sampled)}",
        questions=tuple(questions),
        scoring=tuple(scoring),
        batch=recipe.evaluation.batch,
        unshared=found.unshared,
        pack=found.pack,
        ranks=recipe.ranks,
        plain=recipe.data.form == "text",
        text_bytes=text_bytes(recipe, root) if isinstance(recipe.base, FreshBase) else None,
        fetches=_fetches(recipe.evaluation),
    )


def asked(scenario: Scenario, root: Path, renderer: Renderer, most: int = _SAMPLE) -> Iterator[Asked]:
    """Every kind of question of a scenario, with `most` prompts of each or a few more."""
    if isinstance(scenario, HeldOutScenario):
        rows = (row for row in read(root / scenario.path, "auto", "held-out") if row.text is None)
        prompts = tuple(renderer.prompt(row.messages[:-1], row.tools) for row in islice(rows, most))
        if prompts and scenario.samples:
            yield Asked(scenario.samples, prompts[: max(scenario.samples, _SAMPLE)], scenario.max_new_tokens, arms=2)
    if not isinstance(scenario, TutorScenario):
        return
    sets = [(tutor.held_out(min(most, scenario.problems), scenario.seed), scenario.problems)]
    if scenario.gsm8k is not None:
        count = scenario.gsm8k_problems
        sets.append((tutor.gsm8k(root / scenario.gsm8k, min(most, count), scenario.seed), count))
    for items, count in sets:
        for turn in ("first", "closing"):
            for shown, arms in (([], 2), (tutor.few_shot(), 1)):
                if arms == 2 or scenario.few_shot:
                    prompts = tuple(renderer.prompt(_with_examples(item[turn]["messages"], shown)) for item in items)
                    yield Asked(count, prompts, scenario.max_new_tokens, arms)


def unshared(packs: Sequence[Sequence[Ids]], training: Training, seed: int = 0) -> float:
    """Share of the tokens that is computed, where what documents of a micro-batch begin with alike is computed once."""
    total = sum(len(ids) for documents in packs for ids in documents)
    mean = total / max(len(packs), 1)
    together = max(1, int(min(training.micro_batch_tokens or 0, training.batch_tokens) // max(mean, 1.0)))
    order = np.random.default_rng(seed).permutation(len(packs)).tolist()
    spared = 0
    for start in range(0, len(order), together):
        documents = [ids for number in order[start : start + together] for ids in packs[number]]
        spared += sum(length for _, length in shared_beginnings(documents))
    return 1 - spared / max(total, 1)


def _counted(recipe: Recipe, sampled: Mapping[str, Sampled], texts: Sequence[Scoring]) -> Counted:
    """The data as samples show them; held-out texts are not trained on."""
    rows, tokens = (sum(getattr(source, key) for source in sampled.values()) for key in ("rows", "tokens"))
    supervised = sum(source.supervised_tokens for source in sampled.values())
    left = 1 - sum(text.count * text.tokens for text in texts) / max(tokens, 1)
    drawn = _drawn(sampled)
    packs = pack([len(ids) for ids in drawn], recipe.data.max_length, recipe.data.seed)
    lengths = np.array([len(ids) for ids in drawn], float)
    return Counted(
        rows=rows,
        tokens=tokens * left,
        supervised=supervised * left,
        unshared=unshared([[drawn[n] for n in numbers] for numbers in packs], recipe.training),
        document=float((lengths**2).sum() / lengths.sum()),
        pack=float(lengths.sum() / len(packs)),
    )


def _drawn(sampled: Mapping[str, Sampled]) -> list[Ids]:
    """Documents of all sources, as often as their rows are met in training."""
    total = sum(source.rows for source in sampled.values())
    documents: list[Ids] = []
    for source in sampled.values():
        own = [np.asarray(document.ids, np.int32) for document in source.documents]
        wanted = round(min(_DRAWN, total) * source.rows / max(total, 1)) if own else 0
        documents += [own[n % len(own)] for n in range(max(wanted, min(len(own), 1)))]
    return documents


def _questions(recipe: Recipe, sampled: Mapping[str, Sampled], root: Path, renderer: Renderer) -> Iterator[Questions]:
    """A base's replies may take all that the recipe allows; a tuned model's are as long as those it learnt from."""
    learnt = _learnt_replies([sampled[source.name] for source in recipe.data.sources if _teaches(source)])
    for kind in asked(recipe.evaluation.scenario, root, renderer):
        whole = Replies(kind.new_tokens, kind.new_tokens)
        replies = (whole, learnt) if kind.arms == 2 and learnt is not None else (whole,) * kind.arms
        yield Questions(kind.count, kind.mean, kind.new_tokens, kind.shared, kind.arms, replies)


def _seen(questions: Questions, seen: tuple[float, float, Replies | None]) -> Questions:
    prompt, shared, replies = seen
    told = questions.replies if replies is None else (replies, *questions.replies[1:])
    return Questions(questions.count, prompt, questions.new_tokens, shared, questions.arms, told)


def _teaches(source: Source) -> bool:
    """Whether its replies are such as the model is asked for, rather than such as keep its general ability."""
    return source.generator == "tutor" if isinstance(source, GeneratedSource) else not source.replay


def _learnt_replies(sources: Sequence[Sampled]) -> Replies | None:
    """Lengths of the replies that the data teach."""
    lengths = [
        len(list(run))
        for source in sources
        for document in source.documents
        for is_supervised, run in groupby(document.mask)
        if is_supervised
    ]
    return Replies(fmean(lengths), float(np.percentile(lengths, _LONGEST))) if lengths else None


def _with_examples(messages: Sequence[Any], shown: Sequence[Any]) -> list[Any]:
    """Worked examples stand between the system prompt and the item's own turns."""
    return [messages[0], *shown, *messages[1:]]


def _held_out_texts(recipe: Recipe, sampled: Mapping[str, Sampled]) -> Iterator[Scoring]:
    """The documents of a `text` scenario: a share of those that the sources have, but for replay."""
    scenario = recipe.evaluation.scenario
    sources = [source for source in sampled.values() if not source.replay]
    rows, tokens = sum(source.rows for source in sources), sum(source.tokens for source in sources)
    if isinstance(scenario, TextScenario) and rows:
        count = min(max(round(rows * scenario.share), LEAST), scenario.documents)
        arms = 1 if isinstance(recipe.base, FreshBase) else 2  # what a fresh one is compared with are no models
        yield Scoring(count, tokens / rows, tokens / rows, arms, _OWN)


def _scoring(evaluation: Evaluation, root: Path, renderer: Renderer) -> Iterator[Scoring]:
    scenario = evaluation.scenario
    if isinstance(scenario, HeldOutScenario):
        rows: list[Row] = list(islice(read(root / scenario.path, "auto", "held-out"), _SAMPLE))
        lengths = [length for row in rows for length in _lengths(row, renderer)]
        if lengths:
            count = sum(1 for _ in read(root / scenario.path, "auto", "held-out"))
            yield Scoring(count, fmean(all_ for all_, _ in lengths), fmean(own for _, own in lengths), name=_OWN)
    for task in evaluation.guard.tasks if evaluation.guard else ():
        assert evaluation.guard is not None
        if task == "general-text":
            yield Scoring(_GENERAL_TEXTS, _GENERAL_TOKENS, _GENERAL_TOKENS, name=task)
        else:
            context, choices = _CHOICES[task]
            yield Scoring(evaluation.guard.items, context + choices, choices, name=task)


def _lengths(row: Row, renderer: Renderer) -> Iterator[tuple[int, int]]:
    """(tokens, scored tokens) of a held-out row."""
    if row.text is not None:
        count = len(renderer.tokenizer.encode(row.text))
        yield count, count
        return
    for rendered in renderer.train_rows(row.messages, row.tools):
        yield len(rendered.ids), sum(rendered.mask)


def _fetches(evaluation: Evaluation) -> bool:
    guard = evaluation.guard
    if guard is None or not set(guard.tasks) - {"general-text"}:
        return False
    locator = parse(guard.source)
    return not is_fetched(locator.name, locator.version)
