"""Numbers that a text states, in digits or in words."""

from __future__ import annotations

import re
from collections.abc import Iterator

_UNITS = {
    word: float(value)
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
        "sixteen seventeen eighteen nineteen".split()
    )
}
_TENS = {
    word: float(10 * value)
    for value, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2)
}
_SCALES = {"hundred": 100.0, "thousand": 1000.0, "million": 1_000_000.0}
_TOKEN = re.compile(r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|[a-z]+|[^\sa-z\d-]")


def numbers_in(text: str) -> list[float]:
    """Every number that a text states, in order: digits, with or without thousands commas, and English words.

    "twenty-five", "two hundred and five" and "3 thousand" are one number each; "two, three" and "one or two" are two.
    """
    return list(_read(_TOKEN.findall(text.lower())))


def _read(tokens: list[str]) -> Iterator[float]:
    whole: float | None = None  # thousands that are complete
    part: float | None = None  # what is still being said, below a thousand
    for number, token in enumerate(tokens):
        follows = "" if number + 1 == len(tokens) else tokens[number + 1]
        if token in _SCALES:
            scaled = (1.0 if part is None else part) * _SCALES[token]
            part, whole = (scaled, whole) if token == "hundred" else (None, (whole or 0.0) + scaled)
            continue
        if token == "and" and (whole is not None or (part or 0) >= 100) and follows in _UNITS | _TENS:
            continue
        value = float(token.replace(",", "")) if token[0].isdecimal() else _UNITS.get(token, _TENS.get(token))
        if value is not None and token[0].isalpha() and _continues(whole, part, value):
            part = (part or 0.0) + value
            continue
        if whole is not None or part is not None:
            yield (whole or 0.0) + (part or 0.0)
        whole, part = None, value
    if whole is not None or part is not None:
        yield (whole or 0.0) + (part or 0.0)


def _continues(whole: float | None, part: float | None, value: float) -> bool:
    """Whether a word goes on with the number being said: "twenty" then "five", "two hundred" then "thirty"."""
    if part is None:
        return whole is not None
    open_below = 100 if part % 100 == 0 and part >= 100 else 10 if part % 10 == 0 and part % 100 >= 20 else 0
    return 0 < value < open_below
