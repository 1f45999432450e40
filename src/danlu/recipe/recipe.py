"""One recipe describes one run, whole."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from danlu.recipe.base import Base
from danlu.recipe.data import Data
from danlu.recipe.evaluation import Evaluation
from danlu.recipe.section import Section
from danlu.recipe.training import Training


class Recipe(Section):
    """base → items → plan → data → train → evaluate → report."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    """Name of the run's folder."""
    goal: str | None = None
    """What this run should show; kept in the ledger and asked for by `danlu review`."""
    base: Base
    """The model to start from."""
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
