"""Which software carried a published run out, as far as its row says so."""

from __future__ import annotations

import re

from danlu.compute.catalogue import Device
from danlu.compute.job import Software
from danlu.compute.job.job import Counter, Loss
from danlu.compute.validation.training_cells import Row, text_of, whole

# Framework, and the year in which its published figures were taken where neither a release nor a paper dates them.
_FRAMEWORKS: tuple[tuple[str, str, float], ...] = (
    (r"torchtitan|pytorch/torchtitan", "torchtitan", 2024.9),
    (r"llm-?foundry|mosaic", "llm-foundry", 2023.4),
    (r"interne?vo|internlm", "internevo", 2023.9),
    (r"bigscience|megatron-deepspeed", "megatron-deepspeed", 2022.1),
    (r"megatron-bridge|nemo|megatron|korthikanti|narayanan|transformer.?engine", "megatron", 2023.5),
    (r"deepspeed|zero", "deepspeed", 2022.5),
    (r"nanochat|nanogpt|llm\.c", "nanochat", 2025.9),
    (r"maxtext|\bjax\b|palm|t5x|levanter", "jax", 2024.0),
    (r"litgpt|lit-gpt|lightning", "litgpt", 2024.3),
    (r"torchtune", "torchtune", 2024.8),
    (r"gpt-neox|neox", "gpt-neox", 2023.0),
    (r"olmo", "olmo", 2024.5),
    (r"colossal", "colossalai", 2023.5),
    (r"nanotron|accelerate|transformers|hugging", "hf-trainer", 2024.3),
    (r"\bopt\b|metaseq|llama paper|fairscale", "fairscale", 2022.5),
)
_LOSSES: dict[str, Loss] = {"llm-foundry": "kernel"}  # FlashAttention's cross entropy is its default
_COUNT_RESERVED = {"torchtitan", "torchtune"}  # what their own logs print
_FUSED = {"megatron", "jax", "nanochat"}  # their layers come fused, without a compiler asked for


def software(row: Row, device: Device | None) -> Software:
    """Framework, year, attention kernel and whether layers are fused."""
    where = text_of(row, "source", "url_or_path")
    notes = text_of(row, "notes", "recompute", "sharding")
    name, usual = next(
        ((name, year) for pattern, name, year in _FRAMEWORKS if re.search(pattern, where)),
        next(((name, year) for pattern, name, year in _FRAMEWORKS if re.search(pattern, notes)), ("", 0.0)),
    )
    launch = device.year if device is not None and device.year else 2022
    year = _dated(where) or max(usual or 2024.5, launch + 0.5)
    # Who splits single layers over devices runs Megatron's fused layers or ones like them, unless the row says more.
    compiled = name in _FUSED or name == "megatron-deepspeed" or (not name and (whole(row.get("TP")) or 1) > 1)
    if re.search(r"\bcompile", notes):
        compiled = True
    if re.search(r"\beager\b", notes):
        compiled = False
    eager = year < 2022.5 or re.search(r"no flash|without flash|eager attention|torch attention", notes) is not None
    return Software(
        framework=name,
        year=year,
        attention="eager" if eager else "flash",
        compiled=compiled,
        loss="fused" if re.search(r"fused (ce|loss|cross)|liger|cut.?cross", notes) else _LOSSES.get(name, "full"),
        hides_tp=(name == "megatron" and year >= 2023.5) or re.search(r"async.?tp|tp.?overlap", notes) is not None,
        counter=_counter(notes, name),
    )


def _counter(notes: str, name: str) -> Counter:
    """What memory was read from; whole GB that nobody explains are what nvidia-smi shows."""
    if "reserved" in notes or name in _COUNT_RESERVED:
        return "reserved"
    return "allocated" if re.search(r"\balloc|\bactive\b", notes) else "nvidia-smi"


def _dated(where: str) -> float | None:
    """The year of a release (26.04), a paper (arXiv 2104.04473, "et al. 2021") or a dated page (202412)."""
    release = re.search(r"(?:summary|release|nemo|nvidia|v)\s*v?(2\d)\.(0[1-9]|1[0-2])\b", where)
    if release:
        return 2000 + int(release[1]) + (int(release[2]) - 1) / 12
    paper = re.search(r"arxiv[:./ a-z]*(\d\d)(0[1-9]|1[0-2])\.\d{4,5}", where)
    if paper:
        return 2000 + int(paper[1]) + (int(paper[2]) - 1) / 12
    month = re.search(r"(?<![0-9a-f])(20[12]\d)[-_.]?(0[1-9]|1[0-2])(?:[-_.]?\d\d)?(?![0-9a-f])", where)
    if month:
        return int(month[1]) + (int(month[2]) - 1) / 12
    bare = re.search(r"\b(20[12]\d)\b", where)
    return int(bare[1]) + 0.5 if bare else None
