"""Writes a resolved recipe: every default filled in, so that a stored run never changes with the program."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from danlu.artefact import write_text
from danlu.recipe.recipe import Recipe
from danlu.recipe.unread import unread


def dump(recipe: Recipe, path: Path, comment: str) -> None:
    """Write `recipe` as YAML under a one-line comment. Reading it back gives an equal recipe.

    Keys that the chosen settings never read are left out: reading them would be refused.
    """
    values = recipe.model_dump(mode="json")
    for (*above, key), _ in list(unread(recipe, values)):
        here: Any = values
        for part in above:
            here = here[part]
        del here[key]
    yaml = YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 110
    text = io.StringIO()
    yaml.dump(values, text)
    write_text(path, f"# {comment}\n{text.getvalue()}")
