"""What published runs taught: the few numbers of a training step that no data sheet has."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StepConstants:
    """All without unit unless said.

    sustained: of the rate that one large product reaches alone, the share that a whole step's products hold (clock
    under lasting load, odd shapes). immature: what is lost of it when a device has just come out; it halves each year.
    wave: waves of tiles that a product loses (half of the last one, at random sizes). memory: share of the memory's
    bandwidth that element-wise kernels reach. eager: how often such kernels touch their tensors without fusion, times
    those with. link, network: shares of the line rate that collectives reach within a link domain, and between nodes.
    contention: of hidden communication, the share by which it slows the arithmetic that hides it. hop_s: seconds that
    each device of a ring adds to a collective. tp_hidden: share of tensor-parallel communication that today's kernels
    hide behind products.
    """

    sustained: float = 0.90
    immature: float = 0.12
    wave: float = 0.6
    memory: float = 0.68
    eager: float = 2.1
    link: float = 0.80
    network: float = 0.66
    contention: float = 0.25
    hop_s: float = 4e-6
    tp_hidden: float = 0.6


STEP = StepConstants()
