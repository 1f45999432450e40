"""Reads a recipe: YAML 1.2 with positions, so that every complaint names file, line and key.

`key=value` overrides are read as YAML and applied before the types are checked. A key that is unknown, or
that the chosen stage does not read (say `decay` under a cosine schedule), is refusal 12.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from danlu.errors import RecipeError, Refusal
from danlu.recipe.base import FreshBase, OpenBase
from danlu.recipe.data import FileSource, GeneratedSource, PassageSource
from danlu.recipe.recipe import Recipe
from danlu.recipe.unread import has, unread

Place = tuple[str | int, ...]
_KINDS: tuple[Mapping[str, type[BaseModel]], ...] = (
    {"path": FileSource, "generator": GeneratedSource, "passages": PassageSource},
    {"model": OpenBase, "depth": FreshBase},
)


@dataclass(frozen=True, slots=True)
class Document:
    """A recipe as written: its plain values, and the line of each key."""

    path: Path
    values: dict[str, Any]
    lines: dict[Place, int] = field(default_factory=dict)

    def where(self, place: Place) -> str:
        """`file:line: key`, the nearest known line for a key that is missing."""
        known = place
        while known and known not in self.lines:
            known = known[:-1]
        return f"{self.path}:{self.lines.get(known, 1)}: {dotted(place)}"


def load(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe in a YAML file, with `key=value` overrides applied.

    Raises RecipeError for what cannot be read or has the wrong type, Refusal 12 for a key nothing reads.
    """
    document = read(path)
    for override in overrides:
        _apply(document, override)
    return check(document)


def read(path: Path) -> Document:
    """Parse a YAML file, keeping the line of every key."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        near = difflib.get_close_matches(path.name, [p.name for p in path.parent.glob("*.y*ml")], n=1)
        hint = f" Did you mean {path.parent / near[0]}?" if near else ""
        raise RecipeError(f"{path}: no such recipe.{hint}") from error
    except IsADirectoryError as error:
        raise RecipeError(f"{path}: is a folder; a recipe is a YAML file.") from error
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path}: not UTF-8 text, so not a recipe.") from error
    try:
        node = YAML(typ="rt").compose(text)
        values = YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise RecipeError(f"{path}:{line}: not valid YAML ({error.problem}).") from error
    if not isinstance(values, dict):
        raise RecipeError(f"{path}:1: a recipe is a mapping of keys (name, base, data, training, evaluation).")
    return Document(path, values, dict(_lines(node, ())))


def check(document: Document) -> Recipe:
    """Types, ranges, and no key that nothing reads."""
    try:
        recipe = Recipe.model_validate(document.values)
    except ValidationError as error:
        raise _complaint(document, error) from None
    for place, reason in unread(recipe, document.values):
        raise Refusal(12, f"{document.where(place)} is not read: {reason} Remove the key.")
    return recipe


def dotted(place: Place) -> str:
    """`data.sources.0.path`."""
    return ".".join(map(str, place))


def _lines(node: Node, place: Place) -> Iterator[tuple[Place, int]]:
    yield place, node.start_mark.line + 1
    if isinstance(node, MappingNode):
        for key, value in node.value:
            below = (*place, str(key.value))
            yield from ((p, n) for p, n in _lines(value, below) if p != below)
            yield below, key.start_mark.line + 1
    elif isinstance(node, SequenceNode):
        for index, value in enumerate(node.value):
            yield from _lines(value, (*place, index))
    else:
        assert isinstance(node, ScalarNode)


def _apply(document: Document, override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise RecipeError(f"override {override!r}: write key=value, for instance training.optimizer.lr=3e-4.")
    try:
        value = YAML(typ="safe", pure=True).load(text) if text else None
    except MarkedYAMLError as error:
        raise RecipeError(f"override {override!r}: {text!r} is not a YAML value ({error.problem}).") from error
    *parents, last = key.split(".")
    here: Any = document.values
    for name in parents:
        here = _step(here, name, override)
    if isinstance(here, list):
        here[_index(here, last, override)] = value
    else:
        here[last] = value
        _change_kind(here, last)


def _change_kind(here: dict[str, Any], key: str) -> None:
    """A key that makes a source or a base another kind (`path` where `passages` stood) takes the old kind's along."""
    for kinds in _KINDS:
        if key in kinds and (kinds.keys() - {key}) & here.keys():
            for name in here.keys() - kinds[key].model_fields.keys():
                del here[name]


def _step(here: Any, name: str, override: str) -> Any:
    if isinstance(here, list):
        return here[_index(here, name, override)]
    if here.get(name) is None:
        here[name] = {}
    if not isinstance(here[name], dict | list):
        raise RecipeError(f"override {override!r}: {name} is a plain value in the recipe and has no keys below it.")
    return here[name]


def _index(items: list[Any], name: str, override: str) -> int:
    """A position in a list: a number, or the `name` of the entry."""
    names = [item.get("name") for item in items if isinstance(item, dict)]
    if name in names:
        return names.index(name)
    if name.isdigit() and int(name) < len(items):
        return int(name)
    raise RecipeError(
        f"override {override!r}: no entry {name!r}; there are {', '.join(map(str, names)) or len(items)}."
    )


def _complaint(document: Document, error: ValidationError) -> RecipeError | Refusal:
    """The first mistake, in one sentence. Union branches that do not fit the written keys are passed over."""
    mistakes = error.errors(include_url=False)
    mistake = min(mistakes, key=lambda m: _rank(document, m))
    place = _written_place(document, mistake["loc"])
    where = document.where(place)
    if mistake["type"] == "extra_forbidden":
        keys = valid_keys(document.values, place[:-1])
        near = difflib.get_close_matches(str(place[-1]), keys, n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known here: {', '.join(keys)}."
        return Refusal(12, f"{where} is not a key that danlu reads. {hint}")
    if mistake["type"] == "missing":
        return RecipeError(f"{where} is missing. Add it; `danlu schema` describes it.")
    context = mistake.get("ctx", {})
    if mistake["type"] == "union_tag_invalid":
        return RecipeError(f"{where}.{_tag(context)} must be one of {context['expected_tags']}.")
    if mistake["type"] == "union_tag_not_found":
        return RecipeError(f"{where} needs the key {_tag(context)!r}.")
    message = mistake["msg"].removeprefix("Value error, ")
    given = "" if isinstance(mistake["input"], dict | list) else f", got {mistake['input']!r}"
    if mistake["type"] == "value_error":  # of a whole section, which under a union has the name of a branch
        where = document.where(tuple(_known(document.values, place)))
        return RecipeError(f"{where.removesuffix(': ')}: {message.rstrip('.')}.".replace(": : ", ": "))
    return RecipeError(f"{where}: {message[0].lower()}{message[1:]}{given}.")


def _tag(context: Mapping[str, Any]) -> str:
    return str(context["discriminator"]).strip("'")


def _rank(document: Document, mistake: Mapping[str, Any]) -> tuple[int, int]:
    """Unknown keys first (a typo explains the missing key beside it), then the deepest mistake."""
    return (mistake["type"] != "extra_forbidden", -len(_written_place(document, mistake["loc"])))


def _written_place(document: Document, loc: tuple[str | int, ...]) -> Place:
    """Pydantic's location without the names of union branches, which nobody wrote."""
    place: list[str | int] = []
    here: Any = document.values
    for index, part in enumerate(loc):
        if has(here, part):
            here = here[part]
        elif index < len(loc) - 1:
            continue
        place.append(part)
    return tuple(place)


def _known(here: Any, place: Place) -> Iterator[str | int]:
    for part in place:
        if not has(here, part):
            return
        yield part
        here = here[part]


def valid_keys(values: Any, place: Place) -> list[str]:
    """The keys a recipe may have at a place; under a union, those of every branch that could fit."""
    models: list[type[BaseModel]] = [Recipe]
    here = values
    for part in place:
        here = here[part]
        models = [m for model in models for m in _below(model, part)] if isinstance(part, str) else models
        if isinstance(here, dict) and len(models) > 1:
            models = _fitting(models, here)
    return sorted({name for model in models for name in model.model_fields})


def _fitting(models: list[type[BaseModel]], written: Mapping[str, Any]) -> list[type[BaseModel]]:
    tagged = [
        m
        for m in models
        if "kind" in m.model_fields and written.get("kind") in get_args(m.model_fields["kind"].annotation)
    ]
    most = max(len(set(written) & set(m.model_fields)) for m in models)
    return tagged or [m for m in models if len(set(written) & set(m.model_fields)) == most]


def _below(model: type[BaseModel], key: str) -> Iterator[type[BaseModel]]:
    if key in model.model_fields:
        yield from _models_in(model.model_fields[key].annotation)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) is not None or isinstance(annotation, UnionType):
        for argument in get_args(annotation):
            yield from _models_in(argument)
