"""The plan of a run: does it fit, how long does it take, what bounds it, what does it cost, what would be better."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from danlu.compute.catalogue import CATALOGUE, Device
from danlu.compute.local import time as clock
from danlu.compute.local.advice import improvements, remedies
from danlu.compute.local.calibration import VERSION, Calibration, Ratio
from danlu.compute.local.formulas import FORMULAS
from danlu.compute.local.memory import memory
from danlu.compute.local.shapes import Shapes
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
    """One stage's time with an 80% interval. model_s: what the formulas say before past runs correct it."""

    name: clock.StageName
    time_s: float
    low_s: float
    high_s: float
    model_s: float

    @classmethod
    def of(cls, name: clock.StageName, model_s: float, ratio: Ratio) -> StageTime:
        """A prediction, corrected by what past runs of the stage showed."""
        time_s = model_s * ratio.value
        return cls(name, time_s, time_s / ratio.spread, time_s * ratio.spread, model_s)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will take on one device. Times in seconds, memory in bytes.

    elsewhere: the same run on devices of the catalogue. advice: changes that would help, in words.
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
            "phases": {name: dict(values) for name, values in self.phases.items()},
            "fits": self.fits,
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
    model_name: str = "",
) -> Plan:
    """Plan a run of `training` on one device.

    model_config: the base's config.json. calibration: what past runs on this hardware showed. Raises
    CheckpointError for a configuration whose size is not known.
    """
    shapes = Shapes.from_hf(model_config)
    steps = clock.Steps.of(training, workload)
    needed = memory(shapes, training, workload, hardware)
    phases: dict[str, dict[str, float]] = {
        name: {"bytes": needed.of(name) * calibration.memory(name).value, "model_bytes": needed.of(name)}
        for name in needed.phases
    }
    peak = max(needed.phases, key=lambda name: phases[name]["bytes"])
    correction = calibration.memory(peak).value
    seconds = _seconds(shapes, training, workload, hardware)
    stages = tuple(StageTime.of(name, seconds[name], calibration.time(name)) for name in clock.STAGES)
    fits = phases[peak]["bytes"] <= hardware.usable_bytes
    by_name = {stage.name: stage for stage in stages}
    work = clock.train(shapes, training, workload, hardware)
    elsewhere: tuple[dict[str, Any], ...] = ()
    if hardware.kind == "cpu":
        elsewhere = tuple(_elsewhere(shapes, training, workload, CATALOGUE[name]) for name in ELSEWHERE)
    return Plan(
        hardware=hardware,
        model={
            "name": model_name,
            "num_parameters": shapes.num_parameters,
            "num_trained_parameters": shapes.trained_parameters(training),
        },
        tokens={"total": round(steps.tokens), "supervised": round(steps.supervised), "source": workload.source},
        steps={
            "count": steps.count,
            "tokens_per_step": steps.tokens / steps.count,
            "tokens_per_s": steps.tokens / by_name["train"].time_s,
        },
        stages=stages,
        memory={item: value * correction for item, value in needed.phases[peak].items()},
        phases=phases,
        fits=fits,
        bottleneck=_bottleneck(stages, work, hardware),
        flops=shapes.step(training, steps.tokens, workload.document, steps.supervised).total,
        cost=_cost(hardware, sum(stage.time_s for stage in stages)),
        advice=(
            *(() if fits else remedies(shapes, training, workload, hardware, correction)),
            *improvements(shapes, training, workload, hardware),
        ),
        elsewhere=elsewhere,
        assumptions=(*_learnt(calibration, stages), *hardware.assumptions, *_ASSUMED),
    )


_ASSUMED = (
    "replies are as long as the recipe allows",
    "nothing else keeps the processor busy",
    "the base is converted and the items are fetched anew; what is cached takes no time",
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


def _seconds(shapes: Shapes, training: Training, workload: Workload, device: Device) -> dict[clock.StageName, float]:
    return {
        **clock.other_stages(shapes, workload),
        "train": clock.train(shapes, training, workload, device).total(device),
        "evaluate": clock.evaluate(shapes, training.precision, workload, device).total(device),
    }


def _bottleneck(stages: tuple[StageTime, ...], work: clock.Seconds, device: Device) -> str:
    total = sum(stage.time_s for stage in stages)
    longest = max(stages, key=lambda stage: stage.time_s)
    shares = f"{longest.name} takes {longest.time_s / total:.0%} of the time"
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


def _elsewhere(shapes: Shapes, training: Training, workload: Workload, device: Device) -> dict[str, Any]:
    seconds = _seconds(shapes, training, workload, device)
    needed = memory(shapes, training, workload, device).peak_bytes
    time_s = sum(seconds.values())
    cost = _cost(device, time_s)
    return {
        "name": device.name,
        "time_s": time_s,
        "train_s": seconds["train"],
        "memory_bytes": needed,
        "fits": needed <= device.usable_bytes,
        "usd": None if cost is None else cost["usd"],
    }


def _learnt(calibration: Calibration, stages: tuple[StageTime, ...]) -> tuple[str, ...]:
    runs = max((calibration.time(stage.name).count for stage in stages), default=0)
    if runs == 0:
        return ("no run on this hardware is on record: the plan is right within a factor of two",)
    corrected = ", ".join(
        f"{s.name} x{calibration.time(s.name).value:.2f}" for s in stages if s.name in calibration.times
    )
    return (f"corrected by {runs} past {'run' if runs == 1 else 'runs'} on this hardware ({corrected})",)
