"""What every part of a recipe is: typed, frozen, and without a key that nobody reads."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """One frozen part of a recipe. An unknown key raises; a value never changes after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)
