"""`danlu render`: what a base's template makes of messages, and which tokens are trained on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from danlu.artefact import read_jsonl
from danlu.cli.rendered import show
from danlu.errors import DanluError, DataError
from danlu.run.locate import locate
from danlu.tokens import Rendered, Renderer

SCHEMA = "danlu/render-1"


def render(
    base: Annotated[
        str, typer.Argument(help="A run, a folder, a .gguf file, hf:owner/name@revision or pypi:NAME==VERSION.")
    ],
    file: Annotated[Path, typer.Argument(help='JSONL; each row has "messages", and "tools" if there are any.')],
    as_json: Annotated[bool, typer.Option("--json", help="Print ids and masks as one JSON object.")] = False,
) -> None:
    """Show rows as the base's chat template renders them, with the supervised tokens coloured."""
    renderer = Renderer.from_folder(locate(base).folder)
    rows = [row for number, value in read_jsonl(file) for row in _rows(renderer, value, f"{file}:{number}")]
    if not rows:
        raise DataError(f"{file}: no rows. Each line needs a JSON object with messages.")
    if as_json:
        described = [{"ids": row.ids, "mask": row.mask} for row in rows]
        typer.echo(json.dumps({"schema": SCHEMA, "rows": described, "template_sha256": renderer.template_sha256}))
    else:
        _show(renderer, rows)


def _rows(renderer: Renderer, value: Any, where: str) -> list[Rendered]:
    messages = value.get("messages") if isinstance(value, dict) else None
    if not isinstance(messages, list) or not all(isinstance(m, dict) for m in messages):
        raise DataError(f'{where}: the row has no list "messages" of objects with role and content.')
    try:
        return renderer.train_rows(messages, value.get("tools"))
    except DanluError as error:
        error.args = (f"{where}: {error}",)
        raise


def _show(renderer: Renderer, rows: list[Rendered]) -> None:
    console = Console(highlight=False)
    for number, row in enumerate(rows, start=1):
        show(console, renderer.tokenizer, row, f"row {number}")
