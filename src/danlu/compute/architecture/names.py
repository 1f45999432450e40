"""Models by name, however it is spelt: organisation, tuning, quantisation, date and punctuation do not matter."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

from danlu.compute.architecture.aliases import ALIASES
from danlu.compute.architecture.known import KNOWN
from danlu.compute.architecture.shapes import Architecture
from danlu.errors import RecipeError

# How weights are stored and what was trained on them, not how large they are.
_STORED = re.compile(
    r"(?<![a-z0-9])(?:nvfp4|mxfp\d|fp8(?:-kv|-dynamic|-block)?|fp4|fp16|fp32|bf16|tf32|f16|f32|int[248]|w\d+a\d+|"
    r"i?q\d+(?:[_-](?:[kmsl0-9]|xl|xs|xxs|nl)+)*|\d+\s?-?bits?(?:-[0-9a-z]*x[0-9a-z]*)?|\d?x?awq|gptq|gguf|ggml|hqq|aqlm|"
    r"exl\d|bnb|nf4|ud|mlx|turboquant|dequantized|kv|qat|dwq)(?![a-z0-9])"
)
_DATE = re.compile(
    r"(?<![0-9a-z.])(?:20\d\d-?\d\d-?\d\d|2[3-7][01]\d|0[1-9][0-3]\d|1[0-2][0-3]\d|v0\.\d|hf|v?\d+k)(?![0-9a-z.])"
)
_WORDS = frozenset(
    "instruct chat it base hf sft dpo rlhf rl pretrain pretrained preview exp meta nvidia amd thinking reasoning "
    "instruction tuned math coder ep turbo terminus speciale prover embedding reranker guard dense model "
    "the final table per class tokendrop dropless mcore own checkpoint fast latest hybrid".split()
)
_PIECES = re.compile(r"[a-z]+|\d+(?:\.\d+)?")


def find(name: str) -> Architecture:
    """The architecture of a model by name. Raises RecipeError with the nearest name."""
    found = lookup(name)
    if found is not None:
        return found
    near = difflib.get_close_matches(name.lower(), KNOWN, n=1, cutoff=0)
    raise RecipeError(
        f"model {name!r} is not known; the nearest name is {near[0]!r}. Take that, or a folder with a config.json."
    )


@cache
def lookup(name: str) -> Architecture | None:
    """The same, None where it is not known. A distilled model is the one that was taught."""
    plain = _plain(name)
    chat = re.search(r"nanochat[^0-9]*(\d+)", plain)
    if chat:
        return _nanochat(int(chat[1]))
    pieces = _pieces(_taught(plain))
    found = next((_index()[key] for key in _parts(pieces) if key in _index()), None)
    return None if found is None else KNOWN[found]


def _taught(plain: str) -> str:
    """DeepSeek-R1-Distill-Qwen-14B is a Qwen2.5, -Llama-8B a Llama 3.1; DeepSeek-R1-0528-Qwen3-8B says it itself."""
    student = re.search(r"(?:distill|r1)-+(qwen|llama)(.*)", plain)
    if student is None:
        return plain
    release = "" if student[2][:1].isdigit() else {"qwen": "2.5", "llama": "-3.1"}[student[1]]
    return f"{student[1]}{release}{student[2]}"


def _parts(pieces: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The whole name, then parts of it, the longest first; what is left out holds no size of its own."""
    for length in range(len(pieces), 0, -1):
        for start in range(len(pieces) - length + 1):
            rest = (*pieces[:start], "", *pieces[start + length :])
            if not any(a[:1].isdigit() and b in {"b", "m", "t", "x"} for a, b in pairwise(rest)):
                yield pieces[start : start + length]


@cache
def _index() -> dict[tuple[str, ...], str]:
    others = {_pieces(_plain(alias)): name for name, aliases in ALIASES.items() for alias in aliases.split(", ")}
    return others | {_pieces(_plain(name)): name for name in KNOWN}


def _plain(name: str) -> str:
    """Lower case, without organisation, remarks in brackets, storage and dates, dashes in place of blanks."""
    text = re.sub(r"[(\[].*?[)\]]", " ", name.lower()).strip().split("/")[-1]
    text = re.sub(r"(?<=[-_ ]\d)_(?=\d)|(?<=[a-z]\d)_(?=\d-)", ".", text)  # qwen-1_8b, qwen2_5-7b
    text = re.sub(r"[\s_:,|]+", "-", text)
    text = _STORED.sub("", text)
    return _DATE.sub("", text).strip("-")


def _pieces(plain: str) -> tuple[str, ...]:
    """Words and numbers in order; words that follow one another are one word: gpt-oss and gptoss are the same."""
    pieces: list[str] = []
    for piece in _PIECES.findall(plain):
        if piece in _WORDS:
            continue
        if pieces and piece.isalpha() and pieces[-1].isalpha() and pieces[-1] not in {"b", "m", "t"}:
            pieces[-1] += piece
        else:
            pieces.append(piece)
    return tuple(pieces)


def _nanochat(depth: int) -> Architecture | None:
    """karpathy/nanochat, gpt.py: width 64 a layer, heads of 128, squared ReLU, three of four layers see half."""
    if not 2 <= depth <= 128:
        return None
    heads = max(1, depth // 2)
    return Architecture(
        f"nanochat-d{depth}",
        depth,
        64 * depth,
        256 * depth,
        heads,
        heads,
        128,
        32768,
        gated=False,
        qk_norm=True,
        window=1024,
        full_layers=max(1, depth // 4),
    )
