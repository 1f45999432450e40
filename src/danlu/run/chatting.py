"""What a conversation with a run begins with: the system prompt that its data was trained under."""

from __future__ import annotations

from danlu.data import tutor
from danlu.recipe import GeneratedSource, Recipe


def opening(recipe: Recipe) -> str | None:
    """The recipe's own system prompt, else that of the tutor's generator, else None."""
    if recipe.data.system is not None:
        return recipe.data.system
    generators = {s.generator for s in recipe.data.sources if isinstance(s, GeneratedSource)}
    return tutor.SYSTEM if "tutor" in generators else None
