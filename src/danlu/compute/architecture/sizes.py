"""A model of which only the size is known: the usual shape of that size, and the size that a name tells.

The proportions are those of published open models: Llama 2 and 3, Qwen 2.5 and 3 (dense); Qwen 3, GLM-4.5, MiniMax-M2,
DeepSeek-V3 and Kimi K2 (mixtures).
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import pairwise

from danlu.compute.architecture.shapes import Architecture, Experts
from danlu.errors import RecipeError

# (parameters, layers, width), between which logarithms are interpolated.
_DENSE = (
    (3e7, 6, 384),
    (1.3e8, 12, 768),
    (3.6e8, 24, 1024),
    (1.2e9, 24, 2048),
    (3.2e9, 32, 2560),
    (7.5e9, 32, 4096),
    (1.35e10, 40, 5120),
    (3.3e10, 60, 6656),
    (7e10, 80, 8192),
    (1.75e11, 96, 12288),
    (4.05e11, 126, 16384),
    (1e12, 128, 25600),
)
# Of a mixture, by the parameters that a token takes.
_MIXED = (
    (5e8, 24, 1024),
    (1.4e9, 20, 2048),
    (3.3e9, 48, 2048),
    (1.1e10, 54, 3584),
    (2.2e10, 94, 4096),
    (3.6e10, 61, 7168),
    (8e10, 64, 8192),
    (2e11, 96, 12288),
)
_EXPERT_SHARE = 8  # experts that a token takes
_LEAST, _MOST = 1e6, 1e14


def of_size(
    num_parameters: float, active: float | None = None, *, vocab: int | None = None, name: str = ""
) -> Architecture:
    """The usual decoder of that size, within 1% of it; a mixture where `active` is much less than the whole.

    Raises RecipeError for a size that no model has.
    """
    if not _LEAST <= num_parameters <= _MOST:
        nearest = "1M" if num_parameters < _LEAST else "100T"
        raise RecipeError(f"a model of {num_parameters:g} parameters cannot be planned; the nearest size is {nearest}.")
    mixed = active is not None and active < 0.8 * num_parameters
    leading = max(active or 0.0, num_parameters / 200) if mixed else num_parameters
    layers, width = _between(_MIXED if mixed else _DENSE, leading)
    words = vocab or (32_000 if num_parameters < 3e8 else 128_256)
    while words * width > 0.4 * leading and width > 64:
        width -= 64  # a small model with many words is narrow
    shape = _plain(name or f"{num_parameters / 1e9:g}B", layers, width, words, tied=num_parameters < 4e9)
    if mixed:
        return _mixture(shape, num_parameters, leading)
    return _filled(shape, num_parameters)


def _plain(name: str, layers: int, width: int, vocab: int, *, tied: bool) -> Architecture:
    head = 128 if width >= 1024 else 64
    heads = width // head
    if heads < 8:
        return Architecture(name, layers, width, 0, max(1, heads), max(1, heads), head, vocab, tied=tied)
    return Architecture(name, layers, width, 0, round(heads / 8) * 8, 8, head, vocab, tied=tied)


def _between(rows: tuple[tuple[float, int, int], ...], size: float) -> tuple[int, int]:
    """Layers and width of that size; beyond the table's ends both grow with the cube root."""
    first, last = rows[0], rows[-1]
    if size <= first[0] or size >= last[0]:
        near = first if size <= first[0] else last
        growth = (size / near[0]) ** (1 / 3)
        return max(2, round(near[1] * growth)), max(64, round(near[2] * growth / 64) * 64)
    low, high = next((a, b) for a, b in pairwise(rows) if a[0] <= size <= b[0])
    share = math.log(size / low[0]) / math.log(high[0] / low[0])
    layers = math.exp((1 - share) * math.log(low[1]) + share * math.log(high[1]))
    width = math.exp((1 - share) * math.log(low[2]) + share * math.log(high[2]))
    return round(layers), max(64, round(width / 128) * 128)


def _filled(shape: Architecture, num_parameters: float) -> Architecture:
    """The feed-forward width that gives the size; a layer less where attention alone is more than that."""
    while True:
        left = num_parameters - shape.num_parameters
        width = round(left / (3 * shape.width * shape.num_layers))
        if width >= shape.width or shape.num_layers <= 2:
            return replace(shape, ffn_width=max(16, width if width < 2048 else round(width / 16) * 16))
        shape = replace(shape, num_layers=shape.num_layers - 1)


def _mixture(shape: Architecture, num_parameters: float, active: float) -> Architecture:
    """Experts of the width that gives the active size, as many as give the whole."""
    one = 3 * shape.width * shape.num_layers
    room = active - shape.num_parameters
    while room < 0.3 * active and shape.num_layers > 2:
        shape = replace(shape, num_layers=shape.num_layers - 1)
        one, room = 3 * shape.width * shape.num_layers, active - shape.num_parameters
    used = 2 if num_parameters / active < 5 else _EXPERT_SHARE
    width = max(16, round(room / one / used))
    count = max(used + 1, round((num_parameters - shape.num_parameters) / (one * width)))
    width = max(16, round((num_parameters - shape.num_parameters) / (one * count)))
    return replace(shape, ffn_width=width * used, experts=Experts(count, used, width))


_TOTAL = re.compile(r"(?<![0-9.])(?<!\ba)(?:(\d+)x)?(\d+(?:\.\d+)?)(b|m|t|bn|mn)(?![a-z0-9])")
_ACTIVE = re.compile(r"(?<![a-z0-9.])a(\d+(?:\.\d+)?)(b|m)(?![a-z0-9])")
_UNITS = {"b": 1e9, "m": 1e6, "t": 1e12}


def size_in(name: str) -> tuple[float | None, float | None]:
    """(parameters, those that a token takes) as a name tells them: 30B-A3B, 8x7B, 1.5b; None where it does not.

    Of NxM the shared part counts once (Mixtral 8x7B has 46.7B, of which a token takes 12.9B).
    """
    text = re.sub(r"(?<=[-_ ]\d)_(?=\d)", ".", name.lower().split("/")[-1])
    text = re.sub(r"[\s_\-(),:]+", " ", text)
    total, active = _TOTAL.search(text), _ACTIVE.search(text)
    taken = None if active is None else float(active[1]) * _UNITS[active[2]]
    if total is None:
        return None, taken
    size = float(total[2]) * _UNITS[total[3][0]]
    if total[1] is None:
        return size, taken
    return 0.83 * int(total[1]) * size, taken or 1.84 * size
