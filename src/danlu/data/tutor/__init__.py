"""Socratic maths dialogues, right by construction."""
