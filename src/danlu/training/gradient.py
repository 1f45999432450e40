"""The gradient of one step. It is the same for any split of the step into micro-batches, and into ranks' shares."""

from __future__ import annotations

from collections.abc import Sequence

from danlu.errors import Refusal
from danlu.model import Decoder
from danlu.training.batches import MicroBatch
from danlu.training.objective.language import summed_loss


def gradient(
    decoder: Decoder, batch: Sequence[MicroBatch], *, count: int | None = None, recompute: bool = False
) -> float:
    """Add the gradient of the mean loss over all supervised tokens of the step; returns that loss, in nats.

    The mean is over the whole step, not over micro-batches (refusal 7), so any split gives the same gradient.
    count: supervised tokens of the step, where the batch is only a share of it: shares' gradients and losses add up.
    recompute: as in Decoder.hidden.
    """
    if count is None:
        count = sum(len(micro.predicting) for micro in batch)
    if count == 0:
        raise Refusal(7, "a step has no supervised token to divide its loss by. Build the data again.")
    total = 0.0
    for micro in batch:
        if len(micro.predicting) == 0:
            continue
        attend = micro.attention()
        hidden = decoder.hidden(micro.ids, attend.positions, attend, recompute=recompute)
        loss = summed_loss(hidden.index_select(0, micro.predicting), decoder.head_weight, micro.targets) / count
        loss.backward()
        total += loss.item()
    return total
