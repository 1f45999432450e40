"""The formulas of a plan in words, each with its source: they travel with every answer."""

from __future__ import annotations

from collections.abc import Mapping

FORMULAS: tuple[Mapping[str, str], ...] = tuple(
    {"name": name, "text": text, "source": source}
    for name, text, source in (
        (
            "arithmetic of a step",
            "6 FLOPs a weight and token (4 where the weight is frozen), 2 more where the forward pass is repeated; "
            "attention 2·layers·(query width + value width)·mean keys a token forward, 2.5 times that backward",
            "Kaplan et al. 2020, arXiv 2001.08361; Narayanan et al. 2021, arXiv 2104.04473; Hu et al. 2021, 2106.09685",
        ),
        (
            "rate of products",
            "peak x measured reach x filled tiles of the last wave x the clock that the watts allow",
            "large products measured by github.com/stas00/ml-engineering; wave quantisation: NVIDIA's matrix guide",
        ),
        (
            "two conventions of MFU",
            "model FLOPs / (time x peak), attention counted as causal or whole; recomputation apart (HFU)",
            "Chowdhery et al. 2022, arXiv 2204.02311, appendix B; Korthikanti et al. 2022, arXiv 2205.05198",
        ),
        (
            "communication",
            "rings move (n - 1) / n of the bytes a gather and twice that a sum; the slower of links and of a node's "
            "adapters counts; what hides behind products is not waited for",
            "Rajbhandari et al. 2020, arXiv 1910.02054; Patarasuk & Yuan 2009",
        ),
        (
            "pipeline bubble",
            "(stages - 1) / (virtual stages x micro-batches) of the work",
            "Narayanan et al. 2021, arXiv 2104.04473, section 2.2",
        ),
        (
            "memory",
            "the largest phase of the fullest stage: weights, gradients, states by shard; activations by recompute "
            "policy, in-flight micro-batches and precision; logits; gathered layers; allocator; context",
            "Korthikanti et al. 2022; Rajbhandari et al. 2020; Dettmers et al. 2023, arXiv 2305.14314",
        ),
        (
            "intervals",
            "value x or / exp(1.28 sigma): sigma of log(actual / predicted) on publishers left out of the fit",
            "docs/compute.md",
        ),
        (
            "faults",
            "interruptions at devices / MTBF; checkpoints by the higher-order optimum; expected wall time",
            "Daly 2006, FGCS 22(3), equations 20 and 37; rate of arXiv 2407.21783, section 3.3.4",
        ),
        (
            "power",
            "devices x share drawn x node factor x (1 + fabric) x PUE; a cap slows the clock: P = static + dynamic·f³",
            "arXiv 2506.14551; a DGX H100's 10.2 kW",
        ),
        (
            "serving",
            "a pass takes the longer of arithmetic and bytes (weights of experts touched, cache), plus exchange and "
            "kernels; queues by Little's law and M/D/1",
            "Pope et al. 2022, arXiv 2211.05102; Williams et al. 2009",
        ),
        (
            "scaling",
            "loss = E + A / N^alpha + B / D^beta; repeated data worth D + D·15.4·(1 - exp(-repeats / 15.4))",
            "Hoffmann et al. 2022, arXiv 2203.15556; Besiroglu et al. 2024, 2404.10102; Muennighoff et al., 2305.16264",
        ),
    )
)
