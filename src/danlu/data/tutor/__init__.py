"""Socratic maths dialogues, right by construction: rows to train on, scenario items of other families to be asked."""

from danlu.data.tutor.dialogue import SYSTEM
from danlu.data.tutor.diversity import diversity
from danlu.data.tutor.generate import few_shot, held_out, rows
from danlu.data.tutor.gsm8k import gsm8k

__all__ = ["SYSTEM", "diversity", "few_shot", "gsm8k", "held_out", "rows"]
