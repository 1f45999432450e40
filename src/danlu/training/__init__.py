"""The one loop; objective/ holds what differs."""

from danlu.training.loop import Trained, TrainingError, train

__all__ = ["Trained", "TrainingError", "train"]
