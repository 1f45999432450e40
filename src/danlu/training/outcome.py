"""What training leaves behind: the adapter in PEFT's format and the merged model, read back before they count."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from danlu.model import Decoder, PackedAttention, checkpoint, lora

_PROBE = 64  # tokens


@torch.no_grad()
def write(decoder: Decoder, base: Path, work: Path) -> str:
    """Write work/adapter and work/model; returns the hash of the merged weights.

    decoder: as trained, with its adapters; it is merged afterwards. base: the folder that training started from.
    Raises Refusal 13 unless both, read back, compute what was trained.
    """
    plain = checkpoint.load(base, decoder.head_weight.dtype)
    ids = torch.arange(_PROBE) * 7 % decoder.config.vocab_size
    before, trained = _logits(plain, ids), _logits(decoder, ids)
    lora.save_peft(decoder, work / "adapter", str(base))
    lora.load_peft(plain, work / "adapter")
    lora.check_kept(before, trained, _logits(plain, ids), work / "adapter")
    lora.merge(decoder)
    checkpoint.save(decoder.bfloat16(), work / "model", base)
    merged = checkpoint.load(work / "model", plain.head_weight.dtype)
    lora.check_kept(before, trained, _logits(merged, ids), work / "model")
    return checkpoint.weights_sha256(work / "model")


def _logits(decoder: Decoder, ids: Tensor) -> Tensor:
    attend = PackedAttention([len(ids)])
    return decoder.logits(decoder.hidden(ids, attend.positions, attend))
