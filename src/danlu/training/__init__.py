"""The one loop; objective/ holds what differs."""

from danlu.training.loop import Trained, TrainingError, train
from danlu.training.stage import carry_out

__all__ = ["Trained", "TrainingError", "carry_out", "train"]
