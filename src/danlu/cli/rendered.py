"""How a row looks in a terminal: what is trained on stands out from what is read."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from danlu.tokens import Rendered, Tokenizer

TRAINED, READ = "bold green", "dim"


def show(console: Console, tokenizer: Tokenizer, row: Rendered, title: str, longest: int | None = None) -> None:
    """Print one row under a title with its counts; runs of more than `longest` characters are cut in their middle."""
    console.rule(f"{escape(title)}: {len(row.ids)} tokens, {sum(row.mask)} supervised", align="left")
    runs = ((_cut(text, longest), TRAINED if kept else READ) for text, kept in row.segments(tokenizer))
    console.print(Text.assemble(*runs))


def _cut(text: str, longest: int | None) -> str:
    if longest is None or len(text) <= longest:
        return text
    return f"{text[: longest // 2]} [… {len(text) - longest} characters …] {text[-(longest // 2) :]}"
