"""The architecture that a row of a training table means: from its cells, the model's name, or its size."""

from __future__ import annotations

import math
import re
from dataclasses import replace

from danlu.compute.architecture import Architecture, Experts, lookup, of_size, size_in
from danlu.compute.validation.training_cells import Row, number, text_of, whole


def architecture(row: Row) -> tuple[Architecture | None, tuple[str, ...]]:
    """The shape, and what of it was guessed. Cells win over the name where both are given; None without a clue."""
    named = _named(row)
    if named is not None:
        return _with_cells(named, row), ()
    width, layers = whole(row.get("hidden")), whole(row.get("layers"))
    total = number(row.get("params_total")) or size_in(row.get("model") or "")[0]
    if width is None:
        if total is None:
            return None, ()
        return _of_size(row, total, layers), ("architecture from its size",)
    if layers is None:
        if total is None:
            return None, ()
        layers = _layers_for(row, width, total)
        return _from_cells(row, width, layers, total), ("number of layers from its size",)
    return _from_cells(row, width, layers, total), ()


def _named(row: Row) -> Architecture | None:
    model = row.get("model") or ""
    plain = re.sub(r"\([^)]*\)", "", model).strip()
    found = lookup(model) or lookup(plain) or lookup(re.sub(r"(?i)\bv(?=\d)", "", plain))
    total = number(row.get("params_total"))
    if found is None or total is None or 0.8 < found.num_parameters / total < 1.25:
        return found
    return None  # another model of that name


def _with_cells(named: Architecture, row: Row) -> Architecture:
    """The named model with the cells' own figures where they differ (a cut-down or lengthened one)."""
    layers, width = whole(row.get("layers")), whole(row.get("hidden"))
    heads = whole(row.get("heads"))
    if width is not None and width != named.width:
        total = number(row.get("params_total"))
        return _from_cells(row, width, layers or named.num_layers, total)
    shape = named
    if layers is not None and layers != shape.num_layers and shape.state_layers == 0:
        shape = replace(shape, num_layers=layers, full_layers=_scaled(shape.full_layers, layers, shape.num_layers))
    if heads is not None and shape.latent is None and heads != shape.num_heads and shape.width % heads == 0:
        kv = whole(row.get("kv_heads")) or heads
        shape = replace(shape, num_heads=heads, num_kv_heads=kv, head_width=shape.width // heads)
    vocab = whole(row.get("vocab"))
    return replace(shape, vocab_size=vocab) if vocab is not None and vocab != shape.vocab_size else shape


def _scaled(count: int | None, new: int, old: int) -> int | None:
    return None if count is None else max(1, round(count * new / old))


def _from_cells(row: Row, width: int, layers: int, total: float | None) -> Architecture:
    """The shape whose size is nearest to the stated one, over what cells leave open: gated or not, tied or not."""
    heads = whole(row.get("heads")) or _heads(width)
    kv = whole(row.get("kv_heads")) or heads
    head_width = whole(row.get("head_dim")) or max(1, width // heads)
    vocab = whole(row.get("vocab")) or 50_304
    vocab = -(-vocab // 64) * 64
    ffn = whole(row.get("ffn"))
    experts = _experts(row, width, layers)
    shapes = [
        Architecture(
            row.get("model") or "",
            layers,
            width,
            ffn or (4 * width if not gated else -(-8 * width // 3 // 256) * 256),
            heads,
            kv,
            head_width,
            vocab,
            gated=gated,
            tied=tied,
            experts=experts,
        )
        for gated in _gates(ffn, width)
        for tied in (False, True)
    ]
    if total is None:
        return shapes[0]
    return min(shapes, key=lambda shape: abs(math.log(shape.num_parameters / total)))


def _heads(width: int) -> int:
    """Of 128 numbers each; where the width is no multiple of that, a power of two, as who changes a width leaves it."""
    if width % 128 == 0:
        return width // 128
    return min(
        (2**n for n in range(1, 8) if width % 2**n == 0), key=lambda n: abs(math.log(width / n / 128)), default=1
    )


def _gates(ffn: int | None, width: int) -> tuple[bool, ...]:
    """A feed-forward part of four widths is plain; of another width it is gated; unknown may be either."""
    if ffn is None:
        return (True, False)
    return (False, True) if ffn == 4 * width else (True,) if ffn < 3.4 * width else (True, False)


def _experts(row: Row, width: int, layers: int) -> Experts | None:
    """A mixture from total and active parameters and the expert's width in parentheses."""
    total, active = number(row.get("params_total")), number(row.get("params_active"))
    told = re.search(r"expert\D*(\d+)", text_of(row, "ffn"))
    if total is None or active is None or active > 0.9 * total:
        return None
    expert_width = int(told[1]) if told else whole(row.get("ffn")) or 4 * width
    one = 3 * width * expert_width * layers
    named = re.search(r"(\d+)x\d", text_of(row, "model"))
    used = 2 if named else max(1, round(active * 0.7 / one))
    count = int(named[1]) if named else max(used + 1, round((total - active) / one) + used)
    return Experts(count, used, expert_width)


def _layers_for(row: Row, width: int, total: float) -> int:
    ffn = whole(row.get("ffn")) or 4 * width
    matrices = 2 if ffn == 4 * width else 3
    vocab = whole(row.get("vocab")) or 50_304
    return max(1, round((total - vocab * width) / (4 * width * width + matrices * width * ffn)))


def _of_size(row: Row, total: float, layers: int | None) -> Architecture:
    """The usual shape of that size, with the cells that are there."""
    active = number(row.get("params_active"))
    shape = of_size(total, active, vocab=whole(row.get("vocab")), name=row.get("model") or "")
    return shape if layers is None else replace(shape, num_layers=layers)
