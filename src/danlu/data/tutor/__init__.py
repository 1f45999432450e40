"""Socratic maths dialogues, right by construction."""

from danlu.data.tutor.dialogue import SYSTEM
from danlu.data.tutor.generate import held_out, rows

__all__ = ["SYSTEM", "held_out", "rows"]
