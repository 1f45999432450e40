"""One recipe describes one run, whole."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from danlu.recipe import scratch
from danlu.recipe.base import Base, FreshBase
from danlu.recipe.data import Data
from danlu.recipe.evaluation import Evaluation
from danlu.recipe.section import Section
from danlu.recipe.training import Training

_OPEN_MODELS_NEED_A_RATE: JsonDict = {  # of a fresh one, depth decides
    "if": {"properties": {"base": {"required": ["model"]}}},
    "then": {
        "properties": {"training": {"required": ["optimizer"], "properties": {"optimizer": {"required": ["lr"]}}}}
    },
}


class Recipe(Section):
    """base → items → plan → data → train → evaluate → report."""

    model_config = ConfigDict(json_schema_extra=_OPEN_MODELS_NEED_A_RATE)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    """Name of the run's folder."""
    goal: str | None = None
    """What this run should show; kept in the ledger and asked for by `danlu review`."""
    base: Base
    """What to start from: an open model, or a fresh one."""
    data: Data
    """From sources to packed tokens."""
    training: Training
    """The algorithm."""
    evaluation: Evaluation
    """What counts as better, and what must not get worse."""
    hardware: Literal["auto"] | str = "auto"
    """`auto` is this machine, resolved once and saved with the run; else a name of the catalogue."""
    threads: int | None = Field(default=None, gt=0)
    """CPU threads; null takes the physical cores. Saved with the run: the last bit depends on it."""
    ranks: int = Field(default=1, gt=0)
    """Processes that share each step of training; the threads are shared out among them. The last bit depends on it."""

    @model_validator(mode="before")
    @classmethod
    def _depth_decides_what_is_left_open(cls, values: Any) -> Any:
        if not isinstance(values, dict) or not isinstance(values.get("base"), dict):
            return values
        if {"model", "depth"} <= set(values["base"]):
            raise ValueError("base names a model, which is an open one, and a depth, for a fresh one. Keep one of them")
        return scratch.filled(values) if "depth" in values["base"] else values

    @model_validator(mode="after")
    def _a_fresh_base_is_trained_whole_on_text(self) -> Recipe:
        if isinstance(self.base, FreshBase):
            if self.training.objective != "pretrain":
                raise ValueError(
                    f"training.objective={self.training.objective} needs a model that has learnt a language, and "
                    "base.depth makes a fresh one. Leave the objective out, or set base.model instead of base.depth."
                )
            if self.training.adapter.kind != "full":
                raise ValueError(
                    "training.adapter: a fresh base has nothing to adapt. Leave the adapter out (every weight is "
                    "trained), or set base.model instead of base.depth."
                )
        return self

    @model_validator(mode="after")
    def _the_scenario_can_be_asked(self) -> Recipe:
        kind, is_fresh = self.evaluation.scenario.kind, isinstance(self.base, FreshBase)
        if kind == "text" and self.data.form != "text":
            raise ValueError(
                f"evaluation.scenario.kind=text holds out documents of plain text, but data.form is {self.data.form}. "
                "Set data.form: text and training.objective: pretrain, or choose another scenario."
            )
        if is_fresh and kind != "text":
            raise ValueError(
                f"evaluation.scenario.kind={kind} compares with the base, and base.depth makes one that has learnt "
                "nothing. Set kind: text, which compares with an n-gram model and zstd on held-out documents."
            )
        if is_fresh and self.evaluation.guard is not None:
            raise ValueError(
                "evaluation.guard asks whether general ability fell, and the fresh model of base.depth has none to "
                "lose. Leave the guard out."
            )
        return self

    @model_validator(mode="after")
    def _objective_reads_the_form(self) -> Recipe:
        wanted = {"sft": "dialogues", "pretrain": "text"}[self.training.objective]
        if self.data.form != wanted:
            raise ValueError(
                f"training.objective={self.training.objective} reads {wanted}, "
                f"but data.form is {self.data.form}. "
                f"Set data.form: {wanted}, or another objective."
            )
        return self
