"""Fresh weights of a decoder that has learnt nothing yet, beside its config.json.

D model width, L layers.
Source: Radford et al. 2019 (GPT-2): normal weights, and the matrices that write into the stream smaller by √(2 L),
because the stream sums up 2 L of what they write. The standard deviation 1/√(3 D) lets a matrix keep the size of what
it multiplies, about, at any width (Glorot & Bengio 2010); at D = 768 it is GPT-2's 0.02.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch

from danlu.artefact import read_json
from danlu.model.checkpoint import write_tensors
from danlu.model.config import DecoderConfig
from danlu.model.decoder import Decoder

_WRITERS = ("o_proj.weight", "down_proj.weight")


@torch.no_grad()
def initial(config: DecoderConfig, seed: int) -> Decoder:
    """A decoder with fresh fp32 weights; the same seed gives the same bits on any machine.

    Each tensor is drawn from a generator of its own, so that another size of one does not change the others.
    """
    decoder = Decoder(config)
    spread = 1 / math.sqrt(3 * config.width)
    for number, (name, parameter) in enumerate(decoder.named_parameters()):
        if parameter.ndim == 1:  # norms start at one, biases at zero
            parameter.fill_(float(not name.endswith("bias")))
            continue
        drawn = np.random.default_rng([seed, number]).standard_normal(parameter.shape, np.float32)
        parameter.copy_(torch.from_numpy(drawn)).mul_(spread)
        if name.endswith(_WRITERS):
            parameter.div_(math.sqrt(2 * config.num_layers))
    return decoder


def write_initial(folder: Path, seed: int) -> None:
    """Write model.safetensors for the config.json in `folder`.

    In bf16, as every checkpoint of danlu's: training takes fp32 masters from it, and a random number that is rounded
    is a random number still. Raises CheckpointError for a config.json that danlu's decoder does not know.
    """
    config = DecoderConfig.from_hf(read_json(folder / "config.json"))
    decoder = initial(config, seed)
    state = {name: value.detach().bfloat16().contiguous() for name, value in decoder.state_dict().items()}
    write_tensors(folder / "model.safetensors", state)
