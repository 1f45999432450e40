"""`danlu schema`."""

from __future__ import annotations

import json

import typer

from danlu.recipe import Recipe


def schema() -> None:
    """Print the JSON schema of a recipe, for editors."""
    typer.echo(json.dumps(Recipe.model_json_schema(), indent=2))
