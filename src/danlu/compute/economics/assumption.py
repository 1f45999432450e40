"""What is taken for true: an assumption is a field with a default, a unit, bounds and a source, so that it is shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Protocol, TypeVar

from danlu.errors import RecipeError


@dataclass(frozen=True, slots=True)
class Assumption:
    """One input with its value. unit: as in `USD/kWh`, `share` for 0 to 1. source: who says so, or `assumption`."""

    name: str
    value: float
    unit: str
    words: str
    source: str
    least: float = 0.0
    most: float = float("inf")

    @property
    def said(self) -> str:
        """As a reader sees it."""
        return f"{self.words}: {self.value:g} {self.unit} ({self.source})"


class _Record(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


R = TypeVar("R", bound=_Record)


def assumed(value: float, unit: str, words: str, source: str, *, least: float = 0.0, most: float = float("inf")) -> Any:
    """A dataclass field that is an assumption."""
    return field(default=value, metadata={"unit": unit, "words": words, "source": source, "least": least, "most": most})


def assumptions(record: _Record | type[_Record]) -> Iterator[Assumption]:
    """Those of a record with its values, or of a class with its defaults."""
    for each in fields(record):
        if each.metadata:
            value: Any = each.default if isinstance(record, type) else getattr(record, each.name)
            yield Assumption(each.name, value, **each.metadata)


def checked(record: _Record) -> None:
    """Raises RecipeError for the first value out of its bounds, with the nearest valid one."""
    for each in assumptions(record):
        if not each.least <= each.value <= each.most:
            near = each.least if not each.value >= each.least else each.most
            raise RecipeError(f"{each.name}={each.value:g} ({each.words}) is out of range; the nearest is {near:g}.")


def told(record: type[R], values: Mapping[str, float]) -> R:
    """The record with what is told in place of its defaults; keys of other records are left alone."""
    known = {each.name for each in assumptions(record)}
    return record(**{name: value for name, value in values.items() if name in known})
