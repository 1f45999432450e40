"""Quantities as people write them: 2T tokens, 8k context, 400 Gb/s, 30 %."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping

from danlu.errors import RecipeError

_NUMBER = re.compile(r"([0-9][0-9_,]*(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?|\.[0-9]+)\s*([^\d\s].*)?", re.IGNORECASE)
_COUNTS: Mapping[str, float] = {"": 1, "k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "t": 1e12}
_RATES: Mapping[str, float] = {
    "": 1e9 / 8, "Gb/s": 1e9 / 8, "Gbit/s": 1e9 / 8, "Gbps": 1e9 / 8, "Tb/s": 1e12 / 8, "GB/s": 1e9, "TB/s": 1e12,
}  # fmt: skip


def count(key: str, text: str, *, binary: bool = False) -> float:
    """2T, 15B, 1.5M, 8k, 4_096. binary: k is 1,024, as context lengths are written. Raises RecipeError."""
    number, unit = _split(key, text)
    if unit.lower() not in _COUNTS:
        raise RecipeError(f"{key}={text!r} ends in no unit of a count; write {_plain(number)}k, {_plain(number)}M, "
                          f"{_plain(number)}B or {_plain(number)}T (thousands to trillions).")  # fmt: skip
    if binary and unit.lower() == "k":
        return number * 1024
    return number * _COUNTS[unit.lower()]


def whole(key: str, text: str, *, least: int = 1, binary: bool = False) -> int:
    """A count of things, at least `least`. Raises RecipeError with the nearest valid value."""
    number = count(key, text, binary=binary)
    if number != int(number):
        raise RecipeError(f"{key}={text!r} is not a whole number; the nearest is {round(number):,}.")
    if number < least:
        raise RecipeError(f"{key}={text!r} is too few; the nearest valid value is {least}.")
    return int(number)


def amount(key: str, text: str, *, least: float = 0.0, most: float = float("inf")) -> float:
    """A plain number, a percentage or a sum of money between the bounds. Raises RecipeError with the nearest value."""
    number, unit = _split(key, text.strip().lstrip("$"))
    if unit in {"%", "percent"}:
        number /= 100
    elif unit.lower() in _COUNTS:
        number *= _COUNTS[unit.lower()]
    elif unit.lower() not in {"usd", "w", "gb", "tb/s", "tflop/s", "h", "years", "s", "kw", "mw"}:
        raise RecipeError(
            f"{key}={text!r} has a unit that is not known here; write a plain number, as {key}={number:g}."
        )
    number *= {"kw": 1e3, "mw": 1e6}.get(unit.lower(), 1)
    if not least <= number <= most:
        raise RecipeError(
            f"{key}={text!r} is out of range; the nearest valid value is {least if number < least else most:g}."
        )
    return number


def bytes_per_s(key: str, text: str) -> float:
    """A link's rate one way: 400 or 400Gb/s in bits as networks are sold, 50GB/s in bytes. Raises RecipeError."""
    number, unit = _split(key, text)
    if number <= 0:
        raise RecipeError(f"{key}={text!r} moves nothing; write a rate such as {key}=400Gb/s.")
    if unit not in _RATES:
        raise RecipeError(
            f"{key}={text!r} has no unit of a rate; write {number:g}Gb/s (bits) or {number / 8:g}GB/s (bytes)."
        )
    return number * _RATES[unit]


def flag(key: str, text: str) -> bool:
    """true, false, yes, no, on, off. Raises RecipeError."""
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    if text.lower() not in words:
        raise RecipeError(f"{key}={text!r} is neither true nor false.")
    return words[text.lower()]


def choice(key: str, text: str, known: Iterable[str]) -> str:
    """One of the words. Raises RecipeError with the nearest one."""
    words = list(known)
    wanted = text.strip().lower()
    if wanted in words:
        return wanted
    raise RecipeError(
        f"{key}={text!r} is not known; the nearest is {nearest(wanted, words)!r} (all: {', '.join(words)})."
    )


def nearest(text: str, known: Iterable[str]) -> str:
    """The known word that looks most like it."""
    words = list(known)
    return difflib.get_close_matches(text, words, n=1, cutoff=0)[0]


def _split(key: str, text: str) -> tuple[float, str]:
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        raise RecipeError(f"{key}={text!r} is not a number; write one such as 8, 8k, 2.5M or 2T.")
    return float(re.sub("[_,]", "", found[1])), (found[2] or "").strip()


def _plain(number: float) -> str:
    return f"{number:g}"
