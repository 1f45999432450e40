"""The stage `evaluate` in miniature: the base reads prompts, replies and scores texts, in batches of the real size."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean

from danlu.compute import Architecture, Device, Questions, Replies, Scoring, Workload
from danlu.compute.local import evaluation_time
from danlu.compute.local.evaluation_time import Decoding
from danlu.evaluation import choice, loss, read_items, text
from danlu.evaluation.items import SCENARIO
from danlu.generation import Engine, Sampling
from danlu.recipe import TextScenario
from danlu.run.counting import Asked, asked
from danlu.run.measure import Meter
from danlu.run.probing.clock import Span, now
from danlu.run.stage import Context
from danlu.run.stages.base import renderer, resolved

_FEW = 12  # prompts of every kind of question but the first, which is asked a whole batch of
_KIND_S = 9.0  # that one kind of question or text may take
_SCORING_S = 4.0
Request = tuple[Sequence[int], Sequence[Sequence[int]]]


@dataclass(slots=True)
class Evaluated:
    """Parts with what the formulas say of the same; what was seen of questions and texts; work as it was done."""

    times: dict[str, tuple[Span, float]] = field(default_factory=dict)
    questions: list[tuple[float, float, Replies | None]] = field(default_factory=list)
    scoring: list[tuple[float, float]] = field(default_factory=list)
    workload: Workload | None = None
    peak_bytes: float = 0.0


@dataclass(frozen=True, slots=True)
class Bench:
    """What the probe times an evaluation with."""

    context: Context
    model: Architecture
    device: Device
    engine: Engine

    @property
    def batch(self) -> int:
        """Requests answered together."""
        return self.context.recipe.evaluation.batch

    def predicted(self, questions: Questions, replies: Replies) -> tuple[float, float]:
        """Seconds of reading and of decoding, by the formulas."""
        precision = self.context.recipe.training.precision
        read = evaluation_time.read(self.model, precision, questions, self.batch, self.device)
        work = Decoding.of(questions, replies, self.batch)
        return read.total(self.device), evaluation_time.decode(self.model, precision, work, self.device).total(
            self.device
        )

    def scored(self, texts: Scoring) -> float:
        """Seconds of scoring, by the formulas."""
        precision = self.context.recipe.training.precision
        return evaluation_time.score(self.model, precision, texts, self.batch, self.device).total(self.device)


def evaluated(context: Context, model: Architecture, workload: Workload, device: Device) -> Evaluated:
    """Ask the base: few questions of every kind, and few texts."""
    found, meter, began = Evaluated(), Meter(context.folder), now()
    evaluation = context.recipe.evaluation
    engine = Engine.from_folder(
        resolved(context).folder, batch=evaluation.batch, precision=context.recipe.training.precision
    )
    found.times["engines"] = (now() - began, evaluation_time.engine(model))
    bench = Bench(context, model, device, engine)
    done = _answer(bench, found)
    texts = _score(bench, workload, found)
    found.workload = replace(workload, questions=tuple(done), scoring=tuple(texts))
    found.peak_bytes = float(meter.cost().peak_rss_bytes)
    return found


def _answer(bench: Bench, found: Evaluated) -> list[Questions]:
    """Prompts alone, and prompts with replies: what the second takes beyond the first is decoding."""
    reading, read_s = Span(0, 0), 0.0
    both, of_reading, decode_s = Span(0, 0), 0.0, 0.0
    done = []
    kinds = list(asked(bench.context.recipe.evaluation.scenario, Path(), renderer(bench.context), bench.batch))
    longest = max(range(len(kinds)), key=lambda n: kinds[n].mean, default=0)
    for number, kind in enumerate(kinds):
        prompts = kind.prompts[: _affordable(bench, kind, bench.batch if number == 0 else _FEW)]
        if not prompts:
            found.questions.append((kind.mean, kind.shared, None))
            continue
        small = replace(kind, count=len(prompts), prompts=prompts)
        questions = Questions(small.count, small.mean, kind.new_tokens, small.shared, 1)
        if number in {0, longest} or not read_s:
            began = now()
            bench.engine.generate(prompts, Sampling(max_new_tokens=1))
            reading, read_s = reading + (now() - began), read_s + bench.predicted(questions, Replies(1, 1))[0]
        began = now()
        replies = bench.engine.generate(prompts, Sampling(max_new_tokens=kind.new_tokens))
        lengths = [len(reply.ids) for reply in replies]
        seen = Replies(fmean(lengths), max(lengths))
        both = both + (now() - began)
        model_read_s, model_decode_s = bench.predicted(questions, seen)
        of_reading, decode_s = of_reading + model_read_s, decode_s + model_decode_s
        found.questions.append((kind.mean, kind.shared, _of_a_batch(seen, kind, len(lengths), bench.batch)))
        done.append(replace(questions, replies=(seen,)))
    if done:
        found.times["read"] = (reading, read_s)
        found.times["decode"] = (both - reading * (of_reading / read_s), decode_s)
    return done


def _affordable(bench: Bench, kind: Asked, most: int) -> int:
    """How many prompts may be asked in the time that a kind has, or one in a little more; none where that is long."""
    whole = Replies(kind.new_tokens, kind.new_tokens)
    count = min(most, len(kind.prompts), kind.count)
    while count:
        asked_s = sum(bench.predicted(Questions(count, kind.mean, kind.new_tokens, kind.shared, 1), whole))
        if asked_s <= _KIND_S or (count == 1 and asked_s <= 2 * _KIND_S):
            break
        count = count * 3 // 4
    return count


def _of_a_batch(seen: Replies, kind: Asked, looked_at: int, batch: int) -> Replies:
    """The longest of a full batch is longer than that of a few: by a tenth for each doubling, if that is allowed."""
    doublings = max(0.0, math.log2(min(batch, kind.count) / looked_at))
    return Replies(seen.mean, min(kind.new_tokens, seen.longest * 1.1**doublings))


def _score(bench: Bench, workload: Workload, found: Evaluated) -> list[Scoring]:
    """A batch of each kind of text, or fewer; tokens are counted over all of them."""
    done = []
    for expected in workload.scoring:
        requests = list(_requests(bench, expected.name))
        found.scoring.append(_means(requests))
        count = min(bench.batch, len(requests))
        while count > 2 and bench.scored(Scoring(count, *_means(requests), arms=1)) > _SCORING_S:
            count = count * 3 // 4
        texts = Scoring(count, *_means(requests[:count]), 1, expected.name)
        began = now()
        bench.engine.score([request for own in requests[:count] for request in own])
        found.times[f"score {expected.name}"] = (now() - began, bench.scored(texts))
        done.append(texts)
    return done


def _requests(bench: Bench, task: str) -> Iterator[list[Request]]:
    """What is scored of every item."""
    render = renderer(bench.context)
    tokenizer = render.tokenizer
    scenario = bench.context.recipe.evaluation.scenario
    for item in read_items(bench.context.of("items"), task):
        if task in choice.TASKS:
            context = tokenizer.encode(item["context"])
            wholes = [tokenizer.encode(item["context"] + said) for said in choice.continuations(item)]
            yield [(context, [ids[len(context) :] or ids[-1:] for ids in wholes])]
        elif task == SCENARIO and isinstance(scenario, TextScenario):
            whole = loss.whole(tokenizer, item)
            yield [(seen, [own]) for seen, own in text.windows(whole, bench.engine.max_positions) if own]
        elif task == SCENARIO:
            yield [(seen, [own]) for seen, own in loss.pieces(render, item) if own]
        else:
            seen, own = loss.whole(tokenizer, item)
            yield [(seen, [own])]


def _means(requests: Sequence[Sequence[Request]]) -> tuple[float, float]:
    """Tokens of an item's requests, and of their continuations, on average."""
    own = [sum(len(ids) for _, more in parts for ids in more) for parts in requests]
    contexts = [sum(len(context) for context, _ in parts) for parts in requests]
    return fmean(a + b for a, b in zip(contexts, own, strict=True)), fmean(own)
