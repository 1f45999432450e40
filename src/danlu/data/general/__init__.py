"""General instructions for replay, and ordinary prose for the guard: danlu's own writing."""

from danlu.data.general.generate import rows, texts

__all__ = ["rows", "texts"]
