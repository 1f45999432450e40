"""The numbers that the optimiser moves, in fp32, whatever type the decoder computes in.

Source: Micikevicius et al. 2018, arXiv 1710.03740. A bf16 number has eight significant bits: an update below
1/256 of a weight rounds to nothing, every time, and nobody notices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from danlu.model import Decoder


class Masters(Mapping[str, Tensor]):
    """fp32 masters of the trained parameters by name, with gradients summed in fp32 over micro-batches.

    A parameter that is fp32 already is its own master: with adapters, that is all of them.
    """

    def __init__(self, decoder: Decoder) -> None:
        self._by_name: dict[str, Tensor] = {}
        self._copies: list[tuple[Tensor, Tensor]] = []
        for name, parameter in decoder.named_parameters():
            if not parameter.requires_grad:
                continue
            master: Tensor = parameter
            if parameter.dtype != torch.float32:
                master = parameter.detach().float().requires_grad_()
                parameter.register_post_accumulate_grad_hook(_Collect(master))
                self._copies.append((parameter, master))
            self._by_name[name] = master

    def __getitem__(self, name: str) -> Tensor:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    @torch.no_grad()
    def publish(self) -> None:
        """Round the masters into the decoder."""
        for parameter, master in self._copies:
            parameter.copy_(master)


class _Collect:
    """After each backward pass: add a parameter's gradient to its master's, and free it."""

    def __init__(self, master: Tensor) -> None:
        self._master = master

    def __call__(self, parameter: Tensor) -> None:
        assert parameter.grad is not None
        if self._master.grad is None:
            self._master.grad = parameter.grad.float()
        else:
            self._master.grad += parameter.grad
        parameter.grad = None
