"""The plan of a run: does it fit, how long does it take, what bounds it, what does it cost, what would be better."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from danlu.compute.architecture import Architecture
from danlu.compute.catalogue import CATALOGUE, Device
from danlu.compute.local.advice import improvements, remedies
from danlu.compute.local.calibration import VERSION, Calibration, Ratio
from danlu.compute.local.formulas import FORMULAS
from danlu.compute.local.memory import memory
from danlu.compute.local.probe import Probe
from danlu.compute.local.seconds import STAGES, Part, Seconds, StageName
from danlu.compute.local.time import parts
from danlu.compute.local.training_time import Steps
from danlu.compute.local.words import learnt
from danlu.compute.local.work import dense, step, trained_parameters
from danlu.compute.local.workload import Workload
from danlu.recipe import Training

SCHEMA = "danlu/plan-1"
ELSEWHERE = ("RTX 4090", "A100 SXM 80GB", "H100 SXM")
NOTHING_LEARNT = Calibration()
_USD_PER_KWH = 0.30
_CAUSES = {
    "products": "matrix products: the processor's arithmetic",
    "attention": "attention: long documents",
    "bytes": "moving bytes through memory",
    "host": "starting operations: the model is small for this device",
    "fixed": "starting and saving: there is little to train on",
}


@dataclass(frozen=True, slots=True)
class StageTime:
    """One stage's time with an 80% interval. model_s: what the formulas say before anything corrects it."""

    name: StageName
    time_s: float
    low_s: float
    high_s: float
    model_s: float

    @classmethod
    def of(cls, name: StageName, model_s: float, ratio: Ratio) -> StageTime:
        """A prediction, corrected by what past runs of the stage and a probe of its parts showed."""
        time_s = model_s * ratio.value
        return cls(name, time_s, time_s / ratio.spread, time_s * ratio.spread, model_s)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will take on one device. Times in seconds, memory in bytes.

    elsewhere: the same run on devices of the catalogue. advice: changes that would help, in words. ranks: processes
    that share a step. probe: what was measured on this machine before.
    """

    hardware: Device
    model: Mapping[str, Any]
    tokens: Mapping[str, Any]
    steps: Mapping[str, float]
    stages: tuple[StageTime, ...]
    memory: Mapping[str, float]
    phases: Mapping[str, Mapping[str, float]]
    fits: bool
    bottleneck: str
    flops: float
    cost: Mapping[str, Any] | None
    advice: tuple[str, ...]
    elsewhere: tuple[Mapping[str, Any], ...]
    assumptions: tuple[str, ...]
    memory_spread: float = 2.0
    ranks: int = 1
    probe: Probe | None = None

    @property
    def time_s(self) -> float:
        """All stages."""
        return sum(stage.time_s for stage in self.stages)

    @property
    def memory_bytes(self) -> float:
        """Of the phase that needs most."""
        return sum(self.memory.values())

    @property
    def energy_wh(self) -> float:
        """The device's power over the whole time."""
        return self.hardware.watts * self.time_s / 3600

    def to_json(self) -> dict[str, Any]:
        """As `plan.json` holds it."""
        described = {
            "schema": SCHEMA,
            "hardware": {k: v for k, v in dataclasses.asdict(self.hardware).items() if k != "assumptions"},
            "model": dict(self.model),
            "tokens": dict(self.tokens),
            "steps": dict(self.steps),
            "stages": [dataclasses.asdict(stage) for stage in self.stages],
            "time_s": self.time_s,
            "low_s": sum(stage.low_s for stage in self.stages),
            "high_s": sum(stage.high_s for stage in self.stages),
            "memory": dict(self.memory),
            "memory_bytes": self.memory_bytes,
            "memory_low_bytes": self.memory_bytes / self.memory_spread,
            "memory_high_bytes": self.memory_bytes * self.memory_spread,
            "phases": {name: dict(values) for name, values in self.phases.items()},
            "fits": self.fits,
            "ranks": self.ranks,
            "probe": None if self.probe is None else self.probe.to_json(),
            "bottleneck": self.bottleneck,
            "flops": self.flops,
            "energy_wh": self.energy_wh,
            "cost": None if self.cost is None else dict(self.cost),
            "advice": list(self.advice),
            "elsewhere": [dict(row) for row in self.elsewhere],
            "assumptions": list(self.assumptions),
            "formulas_version": VERSION,
            "formulas": [dataclasses.asdict(formula) for formula in FORMULAS],
        }
        return {key: _rounded(value, key) for key, value in described.items()}


def plan(
    training: Training,
    model_config: Mapping[str, Any],
    workload: Workload,
    hardware: Device,
    calibration: Calibration = NOTHING_LEARNT,
    *,
    probe: Probe | None = None,
    model_name: str = "",
) -> Plan:
    """Plan a run of `training` on one device.

    model_config: the base's config.json. calibration: what past runs on this hardware showed. probe: what was
    measured on it. Both correct the formulas, each in proportion to its precision. Raises CheckpointError for a
    configuration whose size is not known.
    """
    model = dense(model_config)
    steps = Steps.of(training, workload)
    needed = memory(model, training, workload, hardware)
    bytes_ = {p: calibration.memory(p).with_(probe.memory(p) if probe else None) for p in needed.phases}
    phases: dict[str, dict[str, float]] = {
        name: {"bytes": needed.of(name) * ratio.value, "model_bytes": needed.of(name)} for name, ratio in bytes_.items()
    }
    peak = max(needed.phases, key=lambda name: phases[name]["bytes"])
    correction = bytes_[peak].value
    pieces = parts(model, training, workload, hardware)
    stages = _stages(pieces, hardware, calibration, probe)
    fits = phases[peak]["bytes"] <= hardware.usable_bytes
    elsewhere: tuple[dict[str, Any], ...] = ()
    if hardware.kind == "cpu":
        elsewhere = tuple(_elsewhere(model, training, workload, CATALOGUE[name]) for name in ELSEWHERE)
    return Plan(
        hardware=hardware,
        model={
            "name": model_name,
            "num_parameters": model.num_parameters,
            "num_trained_parameters": trained_parameters(model, training),
        },
        tokens={"total": round(steps.tokens), "supervised": round(steps.supervised), "source": workload.source},
        steps=_described(steps, stages),
        stages=stages,
        memory={item: value * correction for item, value in needed.phases[peak].items()},
        memory_spread=bytes_[peak].spread,
        phases=phases,
        fits=fits,
        bottleneck=_bottleneck(stages, pieces, hardware),
        flops=step(model, training, steps.computed, workload.document, steps.supervised).total,
        cost=_cost(hardware, sum(stage.time_s for stage in stages)),
        advice=(
            *(() if fits else remedies(model, training, workload, hardware, correction)),
            *improvements(model, training, workload, hardware),
        ),
        elsewhere=elsewhere,
        assumptions=(*learnt(calibration, probe, tuple(s.name for s in stages)), *hardware.assumptions, *_ASSUMED),
        ranks=workload.ranks,
        probe=probe,
    )


_ASSUMED = (
    "replies of the tuned model are as long as those of its data, others as long as a probe saw or the recipe allows",
    "nothing else keeps the processor busy: waiting for it is not predicted",
)


def _rounded(value: Any, key: str) -> Any:
    """Bytes and FLOPs whole, all else to six figures: a plan does not know more."""
    if isinstance(value, Mapping):
        return {name: _rounded(v, "memory" if key == "memory" else name) for name, v in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(v, key) for v in value]
    if isinstance(value, float):
        return round(value) if "bytes" in key or "flops" in key or key == "memory" else float(f"{value:.6g}")
    return value


def _stages(
    pieces: Sequence[Part], device: Device, calibration: Calibration, probe: Probe | None
) -> tuple[StageTime, ...]:
    found = []
    for name in STAGES:
        own = [(part.name, part.seconds.total(device)) for part in pieces if part.stage == name]
        ratio = calibration.time(name).with_(_probed(own, probe) if probe else None)
        found.append(StageTime.of(name, sum(seconds for _, seconds in own), ratio))
    return tuple(found)


def _probed(own: Sequence[tuple[str, float]], probe: Probe) -> Ratio | None:
    """The ratio of a stage from those of its parts; one that was not measured counts as never seen.

    Errors of parts are taken to go together, so the interval is not too narrow.
    """
    known = [(seconds, probe.time(name) or Ratio()) for name, seconds in own]
    whole, corrected = sum(s for s, _ in known), sum(s * ratio.value for s, ratio in known)
    if not any(ratio.count for _, ratio in known) or not corrected:
        return None
    sigma = sum(s * ratio.value * ratio.sigma for s, ratio in known) / corrected
    return Ratio.known(corrected / whole, sigma)


def _described(steps: Steps, stages: Sequence[StageTime]) -> dict[str, float]:
    train_s = next(stage.time_s for stage in stages if stage.name == "train")
    return {
        "count": steps.count,
        "tokens_per_step": steps.tokens / steps.count,
        "computed_tokens": steps.computed,
        "tokens_per_s": steps.tokens / train_s,
    }


def _bottleneck(stages: Sequence[StageTime], pieces: Sequence[Part], device: Device) -> str:
    total = sum(stage.time_s for stage in stages)
    longest = max(stages, key=lambda stage: stage.time_s)
    shares = f"{longest.name} takes {longest.time_s / total:.0%} of the time"
    work = Seconds()
    for part in pieces:
        work = work.plus(part.seconds if part.stage == "train" else Seconds())
    cause = work.largest()
    share = getattr(work, cause) / sum(getattr(work, name) for name in work.__slots__)
    return f"{shares}; {share:.0%} of training on this {device.kind.upper()} goes into {_CAUSES[cause]}."


def _cost(device: Device, time_s: float) -> dict[str, Any] | None:
    if device.kind == "cpu":
        kilowatt_hours = device.watts * time_s / 3.6e6
        return {"usd": kilowatt_hours * _USD_PER_KWH, "basis": f"electricity at {_USD_PER_KWH:.2f} USD a kWh"}
    if device.price.rent_usd_h is None:
        return None
    usd = device.price.rent_usd_h * time_s / 3600
    return {"usd": usd, "basis": f"rent at {device.price.rent_usd_h:.2f} USD an hour ({device.price.rent_date})"}


def _elsewhere(model: Architecture, training: Training, workload: Workload, device: Device) -> dict[str, Any]:
    stages = _stages(parts(model, training, workload, device), device, NOTHING_LEARNT, None)
    needed = memory(model, training, workload, device).peak_bytes
    time_s = sum(stage.time_s for stage in stages)
    cost = _cost(device, time_s)
    return {
        "name": device.name,
        "time_s": time_s,
        "train_s": next(stage.time_s for stage in stages if stage.name == "train"),
        "memory_bytes": needed,
        "fits": needed <= device.usable_bytes,
        "usd": None if cost is None else cost["usd"],
    }
