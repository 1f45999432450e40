"""The formulas of a plan, in words, each with its source: they travel with every plan."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Formula:
    """What it gives, how it is computed, and who says so."""

    name: str
    formula: str
    source: str


_HERE = "measured on danlu's own decoder, docs/compute.md"

FORMULAS = (
    Formula(
        "parameters",
        "V·D (twice if the head is not tied) + L·(matrices + biases + 2 D) + D",
        "the layout of config.json; Touvron et al. 2023, arXiv 2302.13971",
    ),
    Formula(
        "FLOPs of a forward pass",
        "2 per matrix weight and token; the head on the tokens that need it; attention 4·L·H·K·keys per token",
        "Kaplan et al. 2020, arXiv 2001.08361, table 1; Narayanan et al. 2021, arXiv 2104.04473, appendix",
    ),
    Formula(
        "FLOPs of a training step",
        "full weights 2 + 4 per weight and token; LoRA 2 + 2 per frozen weight and 6 per adapter weight",
        "Kaplan et al. 2020; Hu et al. 2021, arXiv 2106.09685: a frozen weight needs no gradient of its own",
    ),
    Formula(
        "keys a query sees",
        "min(T, (T + 128) / 2) in a document of T tokens: causal, computed in blocks of queries",
        "Dao et al. 2022, arXiv 2205.14135; the block is that of danlu's own kernel for CPUs",
    ),
    Formula(
        "tokens computed",
        "what documents of a micro-batch begin with alike is computed once: counted on packs of sampled documents",
        "docs/training.md",
    ),
    Formula(
        "optimiser states",
        "16 bytes per trained parameter: fp32 weight, gradient and AdamW's two moments",
        "Rajbhandari et al. 2020, arXiv 1910.02054, section 3",
    ),
    Formula(
        "activations",
        "L·(12 D + 4 HK + 4 GK + 8 F + 2 R per adapter + 4 H + 8) bytes per token of a micro-batch",
        f"Korthikanti et al. 2022, arXiv 2205.05198, for the method; {_HERE}",
    ),
    Formula("logits", "min(512, supervised positions)·V·8 bytes: one chunk exists at a time", _HERE),
    Formula("cache of keys and values", "4·L·G·K bytes per token and request", "Pope et al. 2022, arXiv 2211.05102"),
    Formula(
        "time of training",
        "FLOPs / rate of products + attention FLOPs / rate of attention + bytes / bandwidth + operations started, for "
        "steps and a rehearsal; snapshots, reading and writing models",
        f"Williams et al. 2009 (roofline), added up where nothing overlaps; {_HERE}",
    ),
    Formula(
        "time of decoding",
        "steps x (2 bytes a weight / bandwidth + operations started) + tokens x (2 FLOPs a weight / rate + 2.2 cache / "
        "bandwidth); a batch has as many steps as its longest reply",
        f"Pope et al. 2022, arXiv 2211.05102; {_HERE}",
    ),
    Formula(
        "time of an n-gram model and of zstd",
        "4.3 µs a byte of training text; 9 passes at 1.3 MB/s",
        _HERE,
    ),
    Formula(
        "corrections",
        "actual / predicted of past runs and of a probe's parts, their logarithms weighted by 1 / variance",
        "Gauss-Markov: the precision-weighted mean",
    ),
    Formula("energy", "power × time", "the device's thermal design power, or the CPU's assumed watts"),
)
