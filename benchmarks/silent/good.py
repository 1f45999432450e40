"""Fifty good datasets and recipes of many shapes. danlu must be quiet on them: a refusal here is a false one."""

from __future__ import annotations

import csv
import io
import json
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from silent import material, ours, prose
from silent.case import Finding
from silent.material import Row

Write = Callable[[Path], None]


@dataclass(frozen=True)
class Good:
    """write: puts files into a folder; the rest goes into the recipe. trains: a few steps are trained too.

    sources: of the recipe, with paths relative to the folder. kept: rows that must survive, None for all.
    """

    name: str
    write: Write
    sources: tuple[dict[str, Any], ...] = ({"name": "mine", "path": "rows.jsonl", "licence": "own"},)
    data: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    base: dict[str, Any] = field(default_factory=dict)
    trains: bool = False
    kept: int | None = None


def quiet(good: Good, folder: Path) -> Finding:
    """`handled` where danlu built (and trained) without a refusal, a note or a lost row; else what it said."""
    from danlu.cli.data import warnings as notes
    from danlu.errors import DanluError

    material.write_base(folder / "base", **good.base)
    good.write(folder)
    material.write_rows(folder / "held.jsonl", _held_out(good))
    path = folder / "recipe.yaml"
    path.write_text(json.dumps(_recipe(good), ensure_ascii=False), encoding="utf-8")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            card = ours.built(folder, path)
            steps = ours.learned(folder, path) if good.trains else []
    except DanluError as error:
        return Finding("refused", str(error), getattr(error, "number", None))
    rows_in, rows_out = card["steps"][0]["rows_in"], card["steps"][-1]["rows_out"]
    said = [*notes(card), *(str(one.message) for one in caught)]
    if rows_out < (rows_in if good.kept is None else good.kept):
        removed = {reason: count for step in card["steps"] for reason, count in step["removed"].items()}
        said.append(f"{rows_out} of {rows_in} rows kept: {removed}")
    if good.trains and not (steps and all(step["loss"] < 50 for step in steps)):
        said.append(f"losses {[step['loss'] for step in steps]}")
    return Finding("warned", "; ".join(said)) if said else Finding("handled", f"{rows_out} rows, {len(steps)} steps")


def _held_out(good: Good) -> list[Row]:
    if good.data.get("form") == "text":
        return [{"text": text} for text in prose.texts(prose.ENGLISH, 8, seed=99)]
    return prose.talks(prose.ENGLISH, 8, seed=99)


def _recipe(good: Good) -> dict[str, Any]:
    text = good.data.get("form") == "text"
    return {
        "name": good.name,
        "base": {"model": "base"},
        "data": {"sources": list(good.sources), **good.data},
        "training": {
            "objective": "pretrain" if text else "sft",
            "optimizer": {"lr": 2e-3},
            "batch_tokens": 1024,
            **good.training,
        },
        "evaluation": {"scenario": {"kind": "held-out", "path": "held.jsonl", "samples": 0}, "guard": None},
        "threads": 1,
    }


def rows(made: Iterable[Row], name: str = "rows.jsonl") -> Write:
    """Writes JSON Lines."""
    kept = list(made)
    return lambda folder: material.write_rows(folder / name, kept)


def text(name: str, content: str | bytes) -> Write:
    """Writes a file as it stands."""
    raw = content if isinstance(content, bytes) else content.encode()
    return lambda folder: (folder / name).write_bytes(raw) and None


def both(*writers: Write) -> Write:
    """Writes several files."""

    def write(folder: Path) -> None:
        for writer in writers:
            writer(folder)

    return write


def source(path: str, **keys: Any) -> tuple[dict[str, Any], ...]:
    """One source of the recipe."""
    return ({"name": "mine", "path": path, "licence": "own", **keys},)


def pairs(made: Sequence[Row], prompt: str, reply: str) -> list[Row]:
    """Dialogues of one exchange under two keys."""
    return [{prompt: row["messages"][0]["content"], reply: row["messages"][1]["content"]} for row in made]


def table(made: Sequence[Row], delimiter: str) -> str:
    """CSV with a header, quoted where it must be."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(made[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(made)
    return out.getvalue()


def sharegpt(made: Sequence[Row]) -> list[Row]:
    """ShareGPT's keys."""
    names = {"user": "human", "assistant": "gpt", "system": "system"}
    return [
        {"conversations": [{"from": names[m["role"]], "value": m["content"]} for m in row["messages"]]} for row in made
    ]


def under(made: Sequence[Row], system: str, role: str = "system") -> list[Row]:
    """The same dialogues under a system prompt."""
    return [{"messages": [{"role": role, "content": system}, *row["messages"]]} for row in made]


def opened(made: Sequence[Row]) -> list[Row]:
    """The assistant greets first."""
    return [
        {"messages": [{"role": "assistant", "content": "Hello, how can I help?"}, *row["messages"]]} for row in made
    ]


def noted(made: Sequence[Row]) -> list[Row]:
    """Rows with keys of their own beside the messages, and contents in parts."""
    return [
        {
            "id": f"row-{n}",
            "topic": "clocks",
            "messages": [{**m, "content": [{"type": "text", "text": m["content"]}]} for m in row["messages"]],
        }
        for n, row in enumerate(made)
    ]


def parquet(made: Sequence[Row], name: str) -> Write:
    """Writes a Parquet table."""

    def write(folder: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(list(made)), folder / name)

    return write


def tooled(called: bool) -> list[Row]:
    """Dialogues with a described tool, called or not."""
    tool = {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "The weather of a place.",
            "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
        },
    }
    found = []
    for number, row in enumerate(prose.talks(prose.ENGLISH, 12, seed=31)):
        user, reply = row["messages"]
        call = {"type": "function", "function": {"name": "weather", "arguments": {"place": f"Town {number}"}}}
        asked = [
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "content": json.dumps({"degrees": number})},
        ]
        found.append({"messages": [user, *(asked if called else []), reply], "tools": [tool]})
    return found


E_, TALK = prose.ENGLISH, prose.talks(prose.ENGLISH, 12)
LONG = [*prose.talks(E_, 30, seed=5), *prose.talks(E_, 1, turns=4, size=22, seed=6)]
BOOK = "\n\n".join(prose.texts(E_, 12, seed=8))
TOOLS = (
    "{% if tools %}{{ '<|im_start|>system\n' }}{% for tool in tools %}{{ tool | tojson }}{% endfor %}"
    "{{ '<|im_end|>\n' }}{% endif %}{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] }}"
    "{% if m.tool_calls %}{% for c in m.tool_calls %}{{ '<call>' + (c.function | tojson) + '</call>' }}{% endfor %}"
    "{% endif %}{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
LLAMA = {
    "specials": ("<s>", "</s>", "<|user|>", "<|assistant|>", "<|system|>"),
    "template": (
        "{{ bos_token }}{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] + eos_token }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
    ),
    "tokenizer": {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "</s>"},
    "config": {"eos_token_id": 1},
}
TEXT = {"form": "text"}
GOOD = (
    # How rows are written.
    Good("messages", rows(TALK)),
    Good("messages-under-system", rows(under(TALK, "You are a patient clockmaker."))),
    Good("messages-under-developer", rows(under(TALK, "Answer in one sentence.", "developer"))),
    Good("messages-many-turns", rows(prose.talks(E_, 8, turns=4, seed=1))),
    Good("messages-opened-by-assistant", rows(opened(TALK))),
    Good("messages-opened-by-either", rows([*TALK[:6], *opened(TALK[6:])])),
    Good("messages-in-parts-with-other-keys", rows(noted(TALK))),
    Good("parquet", parquet(pairs(TALK, "question", "answer"), "rows.parquet"), source("rows.parquet")),
    Good("messages-array", text("rows.json", json.dumps(TALK, indent=1)), source("rows.json")),
    Good("sharegpt", rows(sharegpt(TALK))),
    Good("sharegpt-under-system", rows(sharegpt(under(prose.talks(E_, 8, turns=2), "You sell lamps.")))),
    Good("alpaca", rows(pairs(TALK, "instruction", "output"))),
    Good(
        "alpaca-with-input",
        rows({**row, "input": f"Case {n}"} for n, row in enumerate(pairs(TALK, "instruction", "output"))),
    ),
    Good("prompt-completion", rows(pairs(TALK, "prompt", "completion"))),
    Good("question-answer", rows(pairs(TALK, "question", "answer"))),
    Good("csv", text("faq.csv", table(pairs(TALK, "prompt", "completion"), ",")), source("faq.csv")),
    Good("csv-semicolons", text("faq.csv", table(pairs(TALK, "Question", "Answer"), ";")), source("faq.csv")),
    Good(
        "csv-quotes-and-newlines",
        text("faq.csv", table(pairs(prose.spoken(prose.listed), "prompt", "response"), ",")),
        source("faq.csv"),
    ),
    Good("tsv", text("faq.tsv", table(pairs(TALK, "question", "answer"), "\t")), source("faq.tsv")),
    Good(
        "byte-order-mark", text("rows.jsonl", b"\xef\xbb\xbf" + "".join(json.dumps(r) + "\r\n" for r in TALK).encode())
    ),
    Good("blank-lines", text("rows.jsonl", "\n".join(json.dumps(r) + "\n" for r in TALK))),
    Good("text-file", text("book.txt", BOOK), source("book.txt"), {**TEXT, "overlong": "split"}),
    Good("markdown-file", text("notes.md", "# Notes\n\n" + BOOK), source("notes.md"), {**TEXT, "overlong": "split"}),
    Good("text-rows", rows({"text": t} for t in prose.texts(E_, 10)), data=TEXT),
    # Languages.
    Good("chinese", rows(prose.talks(prose.CHINESE, joint="", seed=11))),
    Good(
        "chinese-text",
        text("book.txt", "\n\n".join(prose.texts(prose.CHINESE, 6, joint="", seed=12))),
        source("book.txt"),
        {**TEXT, "overlong": "split"},
    ),
    Good("arabic", rows(prose.talks(prose.ARABIC, seed=13))),
    Good("japanese", rows(prose.talks(prose.JAPANESE, joint="", size=20, seed=14))),
    Good("cyrillic", rows(prose.talks(prose.CYRILLIC, seed=15))),
    Good("hindi", rows(prose.talks(prose.HINDI, seed=16))),
    Good("accents", rows(prose.talks(prose.ACCENTS, seed=17))),
    Good("emoji", rows(prose.talks([*prose.EMOJI, *E_[:30]], seed=18))),
    # What rows are about.
    Good("code", rows(prose.spoken(prose.code))),
    Good("markup", rows(prose.spoken(prose.markup))),
    Good("maths", rows(prose.spoken(prose.maths, 20))),
    Good("json-replies", rows(prose.spoken(prose.structured))),
    Good("role-play", rows(prose.spoken(prose.played))),
    Good("short-replies", rows(prose.spoken(prose.classified, 24))),
    Good("addresses", rows(prose.spoken(prose.linked))),
    Good("call-centre", rows(prose.spoken(prose.served, 20))),
    Good("songs", rows(prose.spoken(prose.sung))),
    Good("numbers", rows(prose.spoken(prose.reckoned))),
    Good("tools-called", rows(tooled(True)), base={"template": TOOLS}),
    Good("tools-not-called", rows(tooled(False)), base={"template": TOOLS}),
    # Long rows, several sources.
    Good("long-row-dropped", rows(LONG), data={"max_length": 640, "max_lost_tokens": 0.25}, kept=30),
    Good("long-rows-split", rows(prose.talks(E_, 6, turns=6, seed=19)), data={"overlong": "split", "max_length": 512}),
    Good("long-rows-cut", rows(LONG), data={"overlong": "truncate-left", "max_length": 640, "max_lost_tokens": 0.2}),
    Good("nothing-too-long", rows(TALK), data={"overlong": "error"}),
    Good("a-few-copies", rows([*TALK, *TALK[:1]]), kept=12),
    Good(
        "two-shares",
        both(rows(TALK), rows(prose.talks(E_, 8, seed=21), "more.jsonl")),
        (*source("rows.jsonl", share=0.5), {"name": "more", "path": "more.jsonl", "licence": "CC-BY-4.0", "share": 2}),
        kept=14,
    ),
    Good("generated", rows(TALK), (*source("rows.jsonl"), {"name": "tutor", "generator": "tutor", "rows": 6})),
    # Training.
    Good("lora-bf16", rows(TALK), training={"epochs": 2}, trains=True),
    Good(
        "lora-attention-cosine",
        rows(TALK),
        training={
            "adapter": {"kind": "lora", "targets": "attention", "rank": 2},
            "schedule": {"warmup": 0.2},
            "epochs": 2,
        },
        trains=True,
    ),
    Good(
        "full-fp32-wsd",
        rows(TALK),
        training={"adapter": {"kind": "full"}, "precision": "fp32", "schedule": {"kind": "wsd", "decay": 0.5}},
        trains=True,
    ),
    Good(
        "full-bf16-linear-recompute",
        rows(TALK),
        training={"adapter": {"kind": "full"}, "schedule": {"kind": "linear"}, "recompute": True},
        trains=True,
    ),
    Good(
        "text-small-packs",
        text("book.txt", BOOK),
        source("book.txt"),
        {**TEXT, "overlong": "split", "max_length": 128},
        {"schedule": {"kind": "constant"}, "micro_batch_tokens": 256},
        trains=True,
    ),
    Good(
        "untied-and-half-an-epoch",
        rows(prose.talks(E_, 16)),
        training={"epochs": 0.5},
        base={"config": {"tie_word_embeddings": False}},
        trains=True,
    ),
    Good(
        "another-template-system-of-the-recipe",
        rows(TALK),
        data={"system": "You mend clocks."},
        base=LLAMA,
        trains=True,
    ),
)
