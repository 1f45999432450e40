"""danlu turns data, compute and an algorithm into a language model, and proves that it is worth shipping."""

__version__ = "0.1.0"
