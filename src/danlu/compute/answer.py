"""The planner's answer: does it fit, how long, what bounds it, what it costs, what would be better."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from danlu.artefact import read_json
from danlu.compute import architecture, judging
from danlu.compute.architecture import Architecture
from danlu.compute.catalogue import Cluster
from danlu.compute.costs import Costs
from danlu.compute.deployment import Deployment, deploy
from danlu.compute.elsewhere import alternatives
from danlu.compute.estimate import Estimate
from danlu.compute.formulas import FORMULAS
from danlu.compute.job import Job
from danlu.compute.judging import Needed
from danlu.compute.memory.fit import remedies
from danlu.compute.question import Question, Served
from danlu.compute.search import KEPT, Candidate, Found, search, why
from danlu.compute.utilisation import Utilisation, by_precision
from danlu.compute.words import duration, interval, money

SCHEMA = "danlu/plan-question-1"
_RELIEFS = 4  # that are named


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, complete: `to_json` has all that the screen and the page show. step: seconds of an optimiser step.

    elsewhere: the same question on other hardware, where that was asked.
    """

    question: Question
    found: Found
    memory: Needed
    step: Estimate
    used: Utilisation
    costs: Costs
    bottleneck: str
    relief: tuple[tuple[str, float], ...] = ()
    remedies: tuple[str, ...] = ()
    served: Deployment | None = None
    elsewhere: tuple[Mapping[str, Any], ...] = ()

    @property
    def job(self) -> Job:
        """The question with everything decided."""
        return self.found.best.job

    @property
    def fits(self) -> bool:
        """Whether every device holds its share."""
        return self.found.best.fits

    @property
    def num_steps(self) -> float:
        """Optimiser steps for the token budget."""
        return _num_steps(self.question, self.job)

    @property
    def time(self) -> Estimate:
        """Seconds of the whole training without faults."""
        return Estimate(*(self.num_steps * x for x in (self.step.value, self.step.low, self.step.high)))

    @property
    def verdict(self) -> str:
        """The answer in a line or two."""
        each = " a device" if self.job.cluster.num_devices > 1 else ""
        needs, held = (f"{x / 1e9:.1f}" for x in (self.memory.bytes.value, self.job.cluster.device.memory_bytes))
        if not self.fits:
            way = f" {self.remedies[0][0].upper()}{self.remedies[0][1:]}." if self.remedies else ""
            return f"Does not fit: needs {needs} of {held} GB{each}.{way}"
        takes = f"{duration(self.time.value)} ({interval(self.time.low, self.time.high)})"
        usd = self.costs.account.rent_usd
        paid = "" if usd is None else f" and {money(usd)} of rent"
        return f"Fits: {needs} of {held} GB{each}. Takes {takes}{paid}."

    def to_json(self) -> dict[str, Any]:
        """Seconds, bytes, FLOPs, tokens, USD."""
        job, shape = self.job, self.job.architecture
        rate = job.tokens_per_step / self.step.value
        slower = self.costs.account.faults.wall_s / self.time.value
        return {
            "schema": SCHEMA,
            "verdict": self.verdict,
            "fits": self.fits,
            "question": {
                "method": job.tuning.method,
                "words": question_words(job),
                "settings": dict(self.question.settings),
            },
            "model": {
                "name": shape.name,
                "num_parameters": shape.num_parameters,
                "active_parameters": shape.active_parameters,
                "num_layers": shape.num_layers,
                "kv_bytes_per_token": shape.kv_bytes(1.0),
            },
            "hardware": hardware_json(job.cluster),
            "memory": self.memory.to_json() | {"usable_bytes": job.cluster.device.usable_bytes},
            "remedies": list(self.remedies),
            "layout": layout_json(self.found.best),
            "runner_up": self._runner_up(),
            "layouts_tried": self.found.tried,
            "step": {
                "time_s": asdict(self.step),
                "parts": dict(self.found.best.pace.parts),
                "tokens": job.tokens_per_step,
                "sequences": job.batch.sequences,
                "tokens_per_s": rate,
                "tokens_per_s_per_device": rate / job.cluster.num_devices,
                "utilisation": asdict(self.used),
                "precisions": by_precision(job),
            },
            "bottleneck": self.bottleneck,
            "relief": [{"change": words, "saves": share} for words, share in self.relief],
            "training": {
                "tokens": self.question.tokens,
                "steps": self.num_steps,
                "time_s": asdict(self.time),
                "whole_s": {name: slower * value for name, value in asdict(self.time).items()},
            },
            **self.costs.to_json(),
            "serving": None if self.served is None else self.served.to_json(),
            "elsewhere": [dict(row) for row in self.elsewhere],
            "assumptions": [*self.question.assumed, *job.cluster.device.assumptions],
            "formulas": [dict(formula) for formula in FORMULAS],
        }

    def _runner_up(self) -> dict[str, Any] | None:
        other = self.found.runner_up
        if other is None:
            return None
        best = self.found.best
        return {**layout_json(other), "slower": other.row_s / best.row_s - 1, "why": why(best, other)}


def _num_steps(question: Question, job: Job) -> float:
    return max(1.0, question.tokens / job.tokens_per_step)  # a budget below one step is one step


def hardware_json(cluster: Cluster) -> dict[str, Any]:
    """The devices with every figure that the plan used."""
    device = cluster.device
    left_out = {"assumptions", "devices_per_node", "link_domain", "network_bytes_per_s"}
    return {
        "num_devices": cluster.num_devices,
        "num_nodes": cluster.num_nodes,
        "devices_per_node": cluster.devices_per_node,
        "link_domain": cluster.link_domain,
        "network_bytes_per_s": cluster.network_bytes_per_s,
        "power_cap_watts": cluster.power_cap_watts,
        **{key: value for key, value in asdict(device).items() if key not in left_out},
        "usable_bytes": device.usable_bytes,
    }


def question_words(job: Job) -> str:
    """What is trained, and in what: `QLoRA of rank 16 in bf16 over an nf4 base`."""
    tuning = job.tuning
    said = {"pretrain": "pre-training", "full": "full fine-tuning", "lora": "LoRA", "qlora": "QLoRA"}
    words = said.get(tuning.method, tuning.method.upper())
    if tuning.adapted:
        words += f" of rank {tuning.rank}"
    words += f" in {job.numerics.compute}"
    if tuning.quant != "none":
        words += f" over an {tuning.quant} base"
    return words


def layout_json(candidate: Candidate) -> dict[str, Any]:
    """A layout with what was decided beside it."""
    job = candidate.job
    return {
        **asdict(job.layout),
        "micro": job.batch.micro,
        "micro_batches": job.micro_batches,
        "recompute": job.recompute,
        "step_time_s": candidate.pace.time_s,
        "memory_bytes": candidate.memory_bytes,
        "words": layout_words(job),
    }


def layout_words(job: Job) -> str:
    """A layout as people say it."""
    made = job.layout
    said = [f"{name} {degree}" for name, degree in _degrees(job) if degree > 1]
    if made.virtual_stages > 1:
        said.append(f"{made.virtual_stages} virtual stages")
    if made.sharding != "none":
        kept = "" if made.reshard or made.sharding != "zero3" else ", weights kept between passes"
        group = f" in groups of {made.shard_group}" if made.shard_group else ""
        said.append({"zero1": "ZeRO-1", "zero2": "ZeRO-2", "zero3": "FSDP"}[made.sharding] + group + kept)
    rows = "1 row" if job.batch.micro == 1 else f"{job.batch.micro} rows"
    return ", ".join([*(said or ["one device"]), f"{rows} a pass", f"recompute {job.recompute}"])


def _degrees(job: Job) -> tuple[tuple[str, int], ...]:
    made = job.layout
    return (("TP", made.tp), ("PP", made.pp), ("CP", made.cp), ("EP", made.ep), ("DP", made.dp))


def plan(
    model: str | Architecture,
    hardware: str | Cluster,
    settings: Mapping[str, Any] | None = None,
    *,
    compare: bool = False,
) -> Answer:
    """Answer a question: `plan("llama-3.1-8b", "RTX 4090", {"method": "qlora", "seq_len": "8k"})`.

    settings: those of `danlu plan --help`, as numbers or as people write them. compare: on other hardware too. Raises
    RecipeError with the nearest valid value for what is unknown or cannot be.
    """
    return answer(ask(model, hardware, settings or {}), compare=compare)


def ask(model: str | Architecture, hardware: str | Cluster, settings: Mapping[str, Any]) -> Question:
    """A question from a model's name or folder, hardware and settings as people write them. Raises RecipeError."""
    return Question.of(_shape(model) if isinstance(model, str) else model, hardware, settings)


def _shape(model: str) -> Architecture:
    """Of a folder with a config.json, or by name."""
    config = Path(model) / "config.json"
    return architecture.from_hf(read_json(config), Path(model).name) if config.is_file() else architecture.find(model)


def deployment(question: Question) -> Deployment:
    """How the question's model is best served on its hardware. Raises RecipeError for a format that is not known."""
    served = question.served or Served()
    rent = question.economy.get("rent_usd_h") or question.cluster.device.price.rent_usd_h
    return deploy(question, served, usd_per_device_h=rent)


def _best(question: Question) -> tuple[float | None, float]:
    """Seconds for one row of a step (None where nothing fits), and bytes needed."""
    best = search(question, judging.RULES, kept=2).best
    return (best.row_s if best.fits else None), best.memory_bytes


def answer(question: Question, *, kept: int = KEPT, compare: bool = False) -> Answer:
    """The answer to a question that stands. kept: layouts whose variants the search tries. compare: elsewhere too."""
    found = search(question, judging.RULES, kept=kept)
    job = found.best.job
    step = judging.step_interval(job)
    bottleneck, relief = judging.bounds(job, _roomy_s(question, found, kept))
    return Answer(
        question=question,
        found=found,
        memory=judging.memory_interval(job),
        step=step,
        used=Utilisation.of(job, step.value),
        costs=Costs.of(question, job, _num_steps(question, job) * step.value),
        bottleneck=bottleneck,
        relief=tuple(relief[:_RELIEFS]),
        remedies=() if found.best.fits else remedies(job),
        served=None if question.served is None else deployment(question),
        elsewhere=tuple(o.to_json(job, found.best.row_s) for o in alternatives(question, _best)) if compare else (),
    )


def _roomy_s(question: Question, found: Found, kept: int) -> float | None:
    """Seconds of the best step for the same rows on devices with twice the memory; None where it was not asked."""
    if not found.best.fits or question.degrees.recompute is not None:
        return None
    cluster = question.cluster
    device = replace(cluster.device, memory_bytes=2 * cluster.device.memory_bytes)
    roomy = search(replace(question, cluster=replace(cluster, device=device)), judging.RULES, kept=min(kept, 2)).best
    return roomy.row_s * found.best.job.batch.sequences
