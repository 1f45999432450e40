"""Reads a settled recipe, measures, says what it found: one JSON object a line, the last one with the probe."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from danlu.artefact import read_json
from danlu.compute import Architecture, Device, Probe, Workload
from danlu.compute.local import evaluation_time
from danlu.compute.local.memory import memory
from danlu.compute.local.probe import Measured
from danlu.compute.local.time import parts
from danlu.compute.local.work import dense
from danlu.data import training_texts
from danlu.errors import DanluError, Waivers
from danlu.evaluation import measure_baselines
from danlu.recipe import Recipe
from danlu.run.carry import carry_stage
from danlu.run.counting import workload_of
from danlu.run.fresh import held_out
from danlu.run.machine import prepare_libraries, prepare_torch, this_machine
from danlu.run.probing.clock import Clock, Processor, Span, now
from danlu.run.probing.data import counted, thinned
from danlu.run.probing.training import Trained, trained
from danlu.run.stage import Context
from danlu.run.stages import base, data, items
from danlu.run.stages.base import renderer, resolved
from danlu.run.store import Store

_ANYTHING = Waivers(dict.fromkeys((14, 16), "a probe: nothing that comes of it is kept"))
_BASELINES_S = 20.0  # baselines that are expected to take longer are not measured
_ROWS_OF_PRODUCTS = 2048


def main() -> None:
    """The process."""
    recipe = Recipe.model_validate(json.loads(sys.stdin.readline()))
    prepare_libraries()
    try:
        _say({"probe": measure(recipe).to_json()})
    except DanluError as error:
        _say({"error": str(error)})
        sys.exit(1)


def _say(what: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def measure(recipe: Recipe) -> Probe:
    """Everything that a probe holds. recipe: settled."""
    assert recipe.threads is not None, "a settled recipe names its threads"
    processor = Processor()
    with tempfile.TemporaryDirectory(prefix="danlu-probe-") as name:
        found = _Miniature(recipe, recipe.threads, Path(name)).carry_out()
    return found.probe(processor.busy())


class _Miniature:
    """A small run of a recipe, and what was measured of it so far."""

    def __init__(self, recipe: Recipe, threads: int, root: Path) -> None:
        self._clock, self._began = Clock(), now()
        self._recipe, self._threads = recipe, threads
        self._device: Device = this_machine().device(threads)
        self._times: dict[str, tuple[Span, float]] = {}
        self._memories: dict[str, Measured] = {}
        self._rates: dict[str, float] = {}
        self._context = Context(recipe, root / "run", Store(root / ".store"), _ANYTHING, self._clock)
        self._context.folder.mkdir()

    def carry_out(self) -> _Miniature:
        """Stage after stage, as a run does; memory is that of one process, so the order counts."""
        _say({"what": "the base and the data"})
        carry_stage(base.STAGE, self._context)
        small, factor = thinned(self._recipe, self._context)
        self._context = context = replace(self._context, recipe=small)
        fetches = self._workload().fetches
        carry_stage(items.STAGE, context)
        carry_stage(data.STAGE, context)
        workload, model = self._workload(), self._model()
        planned = {p.name: p.seconds.total(self._device) for p in parts(model, small.training, workload, self._device)}
        for name in ("base", "items", "data"):
            if name != "items" or not fetches:
                began, over = self._clock.stage(name)
                self._times[name] = (over - began, planned[name])
        self._counted = counted(context, factor)
        exact = replace(workload, **{key: getattr(self._counted, key) for key in ("unshared", "document", "pack")})
        self._check_fits(model, exact)
        _say({"what": "training steps"})
        done = trained(context, self._clock, model, exact, self._device)
        _say({"what": "replies and scores"})
        prepare_torch(self._threads)
        self._evaluate(model, exact, done)
        self._baselines(exact)
        return self

    def _workload(self) -> Workload:
        return workload_of(self._context.recipe, root=Path(), renderer=renderer(self._context))

    def _model(self) -> Architecture:
        return dense(read_json(resolved(self._context).folder / "config.json"))

    def _check_fits(self, model: Architecture, workload: Workload) -> None:
        needed = memory(model, self._context.recipe.training, workload, self._device).peak_bytes
        given = self._device.usable_bytes
        if needed > given:
            raise DanluError(
                f"the recipe needs about {needed / 1e9:.1f} GB, and this machine has {given / 1e9:.1f} to give, so it "
                "cannot be tried here. Leave --probe out: the plan says what would make it fit."
            )

    def _evaluate(self, model: Architecture, workload: Workload, done: Trained | None) -> None:
        """Answers after training, in the same process; then the rates of products and memory, which need both."""
        from danlu.run.probing.evaluation import evaluated
        from danlu.run.probing.rates import rates

        training = self._context.recipe.training
        answered = evaluated(self._context, model, workload, self._device)
        assert answered.workload is not None
        needed = memory(model, training, answered.workload, self._device)
        if done is not None:
            self._times |= done.times
            most = max(needed.of("train"), needed.of("save"))
            self._memories["train"] = Measured(done.peak_bytes, most)
            self._memories["evaluate"] = Measured(answered.peak_bytes, needed.of("evaluate"))
        self._times |= answered.times
        self._counted = replace(self._counted, questions=tuple(answered.questions), scoring=tuple(answered.scoring))
        self._rates = rates(model, _ROWS_OF_PRODUCTS)
        if done is None:  # the products of a step are known at least
            expected = self._device.reached_flops_per_s(training.precision)
            spent = expected / self._rates[training.precision]  # on what the formulas expect to take a second
            self._times["steps"] = (Span(spent, spent), 1.0)

    def _baselines(self, workload: Workload) -> None:
        if workload.text_bytes is None:
            return
        expected = evaluation_time.baselines(workload.text_bytes)
        if expected > _BASELINES_S:
            return
        recipe, began = self._context.recipe, now()
        texts = [row.text for row in training_texts(recipe.data, held_out(recipe, Path()), Path()) if row.text]
        measure_baselines(self._context.of("items"), self._context.folder / "baselines", texts, lambda *_: None)
        self._times["baselines"] = (now() - began, expected)

    def probe(self, busy: float) -> Probe:
        """Plain values, as on an idle machine. busy: share of the processor that others took."""
        times = {
            name: Measured(max(span.idle_s(self._working(name), busy), 1e-4), model)
            for name, (span, model) in self._times.items()
        }
        took_s = (now() - self._began).wall_s
        return Probe(times, self._memories, self._rates, self._counted, busy=busy, took_s=took_s)

    def _working(self, part: str) -> int:
        """Threads of this process that a part keeps at work."""
        if part == "steps":
            return self._threads // self._recipe.ranks
        return self._threads if part in {"read", "decode"} or part.startswith("score ") else 1
