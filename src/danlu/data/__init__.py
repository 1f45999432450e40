"""From sources to packed tokens, with every decision written down."""

from danlu.data.estimate import estimate
from danlu.data.held_out import held_out_texts, training_texts
from danlu.data.pipeline import build
from danlu.data.row import Row

__all__ = ["Row", "build", "estimate", "held_out_texts", "training_texts"]
