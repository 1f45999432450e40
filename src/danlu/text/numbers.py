"""Numbers that a text states, in digits or in words."""

from __future__ import annotations

import re

NUMBER_WORDS = {
    word: value
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
        "sixteen seventeen eighteen nineteen twenty".split()
    )
}
_NUMBER = re.compile(r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|[a-z]+")


def numbers_in(text: str) -> list[float]:
    """Every number that a text states, in order: digits, with or without thousands commas, and words up to twenty."""
    found: list[float] = []
    for token in _NUMBER.findall(text.lower()):
        if token[0].isdigit():
            found.append(float(token.replace(",", "")))
        elif token in NUMBER_WORDS:
            found.append(float(NUMBER_WORDS[token]))
    return found
