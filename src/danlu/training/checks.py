"""What must hold before anything is spent: data that this decoder can learn from, packing that does not leak."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from danlu.errors import CheckpointError, DataError, Refusal
from danlu.model import Decoder, DecoderConfig
from danlu.recipe import Training
from danlu.tokens import Shards
from danlu.training.batches import MicroBatch

_UNTRAINED = 0.01  # of the usual size of a row, or of its distance from the mean


def check_data(config: Training, decoder: DecoderConfig, shards: Shards) -> None:
    """Refusal 1 for a document without a token to learn from; DataError for one that does not fit the decoder."""
    for document in shards.documents():
        where = f"{document.row_id} (source {document.source})"
        if not document.mask[1:].any():
            raise Refusal(
                1,
                f"{where} has no supervised token, so nothing would be learned from it. Build the data again; "
                "a longer data.max_length keeps more replies.",
            )
        if len(document.ids) > decoder.max_positions:
            raise DataError(
                f"{where} has {len(document.ids)} tokens, but the base reads at most {decoder.max_positions}. "
                f"Set data.max_length to {decoder.max_positions} or less, or take a base with a longer context."
            )
        if document.ids.max() >= decoder.vocab_size:
            raise DataError(
                f"{where} holds token {document.ids.max()}, but the base knows {decoder.vocab_size}: "
                "the data was made with another tokenizer. Build it again."
            )
        if config.objective == "pretrain" and not document.mask[1:].all():
            raise DataError(
                f"{where} is supervised in part, but training.objective: pretrain learns from every token of plain "
                "text. Set data.form: text, or training.objective: sft."
            )


@torch.no_grad()
def check_embeddings(config: Training, decoder: Decoder, shards: Shards) -> None:
    """CheckpointError for a token of the data whose embedding was never trained, and will not be.

    Such a row is empty, or stands where a resize puts new rows: at the mean of all. LoRA leaves embeddings alone.
    """
    if config.adapter.kind == "full":
        return
    weight = decoder.model.embed_tokens.weight.float()  # (V, D)
    sizes, away = weight.norm(dim=-1), (weight - weight.mean(0)).norm(dim=-1)  # (V,)
    empty = (sizes < _UNTRAINED * sizes.median()) | (away < _UNTRAINED * away.median())
    untrained = empty.nonzero()[:, 0].numpy()
    if not len(untrained):
        return
    for document in shards.documents():
        found = np.intersect1d(document.ids, untrained)
        if len(found):
            raise CheckpointError(
                f"{document.row_id} (source {document.source}) holds token {found[0]}, whose embedding was never "
                "trained, and a LoRA does not train it. Set training.adapter.kind: full, or take a base or a "
                "base.chat_template with tokens that the base knows."
            )


@torch.no_grad()
def check_packing(decoder: Decoder, shards: Shards) -> None:
    """Refusal 8 unless a document's hidden states are the same in a pack as alone.

    Compared in the working precision: kernels may round differently for other shapes, a leak is far larger.
    """
    pack = max((shards.pack(i) for i in range(min(len(shards), 8))), key=len)
    if len(pack) < 2:
        return
    together = MicroBatch.of(pack)
    attend = together.attention()
    packed = decoder.hidden(together.ids, attend.positions, attend)
    for document, tokens in zip(pack, attend.documents, strict=True):
        single = MicroBatch.of([document])
        attend = single.attention()
        alone, inside = decoder.hidden(single.ids, attend.positions, attend), packed[tokens]
        away = (inside.float() - alone.float()).norm() / alone.float().norm()
        if away > _tolerance(alone):
            raise Refusal(
                8, f"packing leaks: {document.row_id} computes {away:.2g} differently in its pack than alone."
            )


def _tolerance(hidden: Tensor) -> float:
    return 0.05 if hidden.dtype is torch.bfloat16 else 1e-4
