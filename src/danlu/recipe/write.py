"""Writes a resolved recipe: every default filled in, so that a stored run never changes with the program."""

from __future__ import annotations

import io
from pathlib import Path

from ruamel.yaml import YAML

from danlu.artefact import write_text
from danlu.recipe.recipe import Recipe


def dump(recipe: Recipe, path: Path, comment: str) -> None:
    """Write `recipe` as YAML under a one-line comment. Reading it back gives an equal recipe."""
    yaml = YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 110
    text = io.StringIO()
    yaml.dump(recipe.model_dump(mode="json"), text)
    write_text(path, f"# {comment}\n{text.getvalue()}")
