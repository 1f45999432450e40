"""Rows split, rendered and measured; train rows, held-out rows and the recipe written."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from danlu.artefact import read_json, write_jsonl, write_text
from danlu.compute.local.work import dense
from danlu.data.row import Row
from danlu.errors import DataError, RecipeError
from danlu.hub import Resolved, parse, resolve
from danlu.hub.store import Emit, silent
from danlu.recipe import Data, FileSource, Recipe, load
from danlu.run.init.phrases import copy_threshold, shared_run
from danlu.run.init.recipe import Found, TrainFile, describe
from danlu.run.init.settings import Measured, Settings, choose, percentile
from danlu.run.init.sides import Sides, check_fit, dialogue_sides, replay, text_sides
from danlu.run.init.sources import SourceFile, slug
from danlu.run.planning import plan_recipe
from danlu.run.settle import settle
from danlu.tokens import Rendered, Renderer, Tokenizer

_SEED = 0
_TEXT_LENGTH = 512  # tokens of a row of plain text
_SHOWN = ((0.1, "short"), (0.5, "usual"), (0.9, "long"))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user asked for. name: of the recipe; folder: where it goes; licence: of the data."""

    base: str
    licence: str
    name: str
    folder: Path
    force: bool = False

    @property
    def recipe(self) -> Path:
        """The recipe's file."""
        return self.folder / f"{self.name}.yaml"

    @property
    def data(self) -> Path:
        """The folder of train and held-out rows."""
        return self.folder / f"{self.name}-data"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A recipe that was written, and what was found on the way."""

    path: Path
    recipe: Recipe
    base: Resolved
    found: Found
    sides: Sides
    tokenizer: Tokenizer

    def samples(self) -> list[tuple[str, Rendered]]:
        """Three rows to look at, a short, a usual and a long one: (place in the user's file, as trained on)."""
        looks = sorted(self.sides.train, key=lambda look: (sum(look.lengths), look.row.row_id))
        chosen = {round(share * (len(looks) - 1)): name for share, name in _SHOWN}
        return [(f"{name} row, {looks[i].row.where}", looks[i].rendered[-1]) for i, name in chosen.items()]

    def described(self) -> dict[str, Any]:
        """What was found, as JSON."""
        looks = self.sides.train
        return {
            "recipe": self.path.as_posix(),
            "sources": [asdict(file) for file in self.found.files],
            "rows": len(looks),
            "turns": sum(len(look.row.messages) for look in looks),
            "tokens": self.found.num_tokens,
            "supervised_tokens": sum(look.supervised for look in looks),
            "without_system": self.found.num_bare,
            "longest": self.found.longest,
            "longest_where": self.found.longest_where,
            "p99": self.found.p99,
            "exact_copies": self.sides.exact,
            "near_copies": self.sides.near,
            "held_out": len(self.sides.held_out),
            "left_out": self.sides.left_out,
            "how_split": self.sides.how,
        }


def prepare(sources: Sequence[SourceFile], wanted: Wanted, emit: Emit = silent) -> Prepared:
    """Write train rows, held-out rows and a commented recipe; the user's own files stay as they are.

    emit: hears `fetch`, `convert` and `count`. Raises DataError for rows that cannot be trained on or are too few,
    LocatorError for the base, RecipeError for a name that cannot be, or a file that is there already.
    """
    paths = claim(sources, wanted)
    base = resolve(wanted.base, emit=emit)
    config = read_json(base.folder / "config.json")
    context = int(config.get("max_position_embeddings") or 2048)
    rows = [row for source in sources for row in source.rows]
    is_text = sources[0].is_text
    renderer: Renderer | None = None
    if is_text:
        tokenizer = Tokenizer.from_folder(base.folder)
        sides = text_sides(rows, tokenizer, min(_TEXT_LENGTH, context), _SEED, emit)
    else:
        renderer = Renderer.from_folder(base.folder)
        tokenizer = renderer.tokenizer
        sides = dialogue_sides(rows, renderer, context, _SEED, emit)
    train = [look.row for look in sides.train]
    ngram, num_shared = shared_run(train, sides.held_out)
    threshold, copies = copy_threshold(train)
    kept = [look for look in sides.train if look.row.row_id not in copies]
    lengths = [length for look in kept for length in look.lengths]
    replies = [length for look in kept for length in look.replies]
    replayed = (0, 0) if renderer is None else replay(renderer, sum(lengths), _SEED)
    num_parameters = dense(config).num_parameters
    settings = choose(Measured(lengths, replies, context, num_parameters))
    if renderer is not None and settings.overlong == "split":
        check_fit(kept, _as_data(settings), context, renderer)
    longest = max(kept, key=lambda look: max(look.lengths))
    found = Found(
        name=wanted.name,
        model=_model(wanted, base),
        licence=wanted.licence,
        is_text=is_text,
        files=tuple(_write_sides(sources, sides, wanted, paths)),
        held_out_path=_relative(paths[-1], wanted.folder),
        num_held_out=len(sides.held_out),
        how_split=sides.how,
        num_tokens=sum(lengths),
        num_bare=sum(1 for row in rows if row.messages and row.messages[0]["role"] != "system"),
        longest=max(longest.lengths),
        longest_where=longest.row.where,
        p99=percentile(lengths, 99),
        context=context,
        num_parameters=num_parameters,
        ngram=ngram,
        num_shared=num_shared,
        threshold=threshold,
        num_copies=len(copies),
        replay_rows=replayed[0],
        replay_tokens=replayed[1],
        seed=_SEED,
    )
    write_text(wanted.recipe, describe(found, settings, base))
    return Prepared(wanted.recipe, load(wanted.recipe), base, found, sides, tokenizer)


def plan_of(prepared: Prepared) -> dict[str, Any]:
    """What a run of the recipe would take on this machine, as `plan.json` holds it."""
    settled = settle(prepared.recipe, prepared.path.parent)
    renderer = Renderer.from_folder(prepared.base.folder)
    return plan_recipe(settled, root=Path(), base=prepared.base, renderer=renderer).to_json()


def claim(sources: Sequence[SourceFile], wanted: Wanted) -> list[Path]:
    """Files that will be written: train rows a source, then held-out rows. Touches nothing.

    Raises RecipeError for a name that cannot be, and for a file that is there already.
    """
    if wanted.name != slug(wanted.name):
        raise RecipeError(f"--name {wanted.name}: a name has lower-case letters, digits, dots, dashes and underscores.")
    alone = len(sources) == 1
    names = ["train.jsonl"] if alone else [f"train-{source.name}.jsonl" for source in sources]
    paths = [wanted.data / name for name in [*names, "held-out.jsonl"]]
    own = {source.path.resolve() for source in sources}
    if taken := [path for path in paths if path.resolve() in own]:
        raise RecipeError(f"{taken[0]} is your own file and would be overwritten. Choose another --name.")
    there = [path for path in [wanted.recipe, *paths] if path.exists()]
    if there and not wanted.force:
        raise RecipeError(f"{there[0]} exists. Choose another --name or --out, or overwrite it with --force.")
    return paths


def _as_data(settings: Settings) -> Data:
    """The part of the recipe that long rows are cut by, before there is a recipe."""
    nowhere = FileSource(name="none", path="none")
    return Data(sources=(nowhere,), max_length=settings.max_length, overlong=settings.overlong)


def _write_sides(
    sources: Sequence[SourceFile], sides: Sides, wanted: Wanted, paths: Sequence[Path]
) -> Iterator[TrainFile]:
    for source, path in zip(sources, paths, strict=False):
        own = [look.row for look in sides.train if look.row.source == source.name]
        if not own:
            raise DataError(f"{source.path}: every row was held out. Join it with another file.")
        write_jsonl(path, (_described(row) for row in own))
        yield TrainFile(source.name, _relative(path, wanted.folder), source.path.name, len(own))
    write_jsonl(
        paths[-1], ({"item_id": row.row_id, "cluster": row.row_id, **_described(row)} for row in sides.held_out)
    )


def _described(row: Row) -> dict[str, Any]:
    """A row as danlu reads it back, with its place in the user's file: the file's name, no folder."""
    said: dict[str, Any] = {"text": row.text} if row.text is not None else {"messages": list(row.messages)}
    tools = {"tools": list(row.tools)} if row.tools else {}
    return {**said, **tools, "source": row.source, "where": row.where.rpartition("/")[2]}


def _model(wanted: Wanted, base: Resolved) -> str:
    """The base as the recipe names it: pinned, or a path from the recipe's folder."""
    parsed = parse(wanted.base)
    if parsed.kind in {"hf", "pypi"}:
        return base.source
    return _relative(Path(parsed.name), wanted.folder)


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path.absolute(), folder.absolute())).as_posix()
