"""The one loop; objective/ holds what differs."""

from danlu.training.loop import Circumstances, Trained, train
from danlu.training.parallel import TrainingError
from danlu.training.stage import carry_out

__all__ = ["Circumstances", "Trained", "TrainingError", "carry_out", "train"]
