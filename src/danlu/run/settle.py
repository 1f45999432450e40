"""From a recipe as written to one that names everything: absolute paths, threads, the machine.

And which folder it runs in: the same settled recipe continues its run, a changed one opens a new run.
"""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path
from typing import Any

from danlu.errors import RecipeError
from danlu.hub import parse
from danlu.recipe import FileSource, FreshBase, OpenBase, PassageSource, Recipe, dump, load, scratch
from danlu.recipe.data import PASSAGE_BYTES
from danlu.run.machine import this_machine
from danlu.run.store import differences

RECIPE = "recipe.yaml"
RUNS = Path("runs")


def settle(recipe: Recipe, root: Path) -> Recipe:
    """Paths made absolute from `root`, the recipe's own folder; `hardware: auto` and open threads filled in.

    What a fresh base's depth decides is there as a number, so that the stored recipe shows it.

    Raises LocatorError for a base that has no known form, RecipeError for a file that is not there and for ranks that
    cannot share the threads evenly.
    """
    machine = this_machine()
    written = recipe.model_dump(mode="json")
    if isinstance(recipe.base, OpenBase):
        parsed = parse(recipe.base.model, root)
        local = parsed.kind in {"folder", "gguf"}
        written["base"]["model"] = str(Path(parsed.name).absolute()) if local else str(parsed)
    for place, holder, key in _paths(written):
        if holder.get(key) is not None:
            path = Path(os.path.normpath(root.absolute() / Path(holder[key]).expanduser()))
            if not path.is_file():
                raise RecipeError(f"{place}: there is no file {path}.")
            holder[key] = str(path)
    if recipe.hardware == "auto":
        written["hardware"] = machine.name
    if recipe.threads is None:
        written["threads"] = machine.physical_cores
    if written["threads"] % recipe.ranks:
        raise RecipeError(
            f"ranks: {recipe.ranks} ranks cannot share {written['threads']} threads evenly. Set threads to a multiple "
            "of ranks, or take fewer ranks."
        )
    return fit_to_text(Recipe.model_validate(written), root)


def fit_to_text(recipe: Recipe, root: Path) -> Recipe:
    """What a fresh base's depth chose for training, now that there is text to look at: no more than it gives.

    Raises RecipeError for a text that is not there.
    """
    if not isinstance(recipe.base, FreshBase):
        return recipe
    written = recipe.model_dump(mode="json")
    training = scratch.fitted(written["training"], recipe.base, text_bytes(recipe, root))
    return Recipe.model_validate({**written, "training": training})


def text_bytes(recipe: Recipe, root: Path) -> float:
    """Bytes of the text that the sources give, as their shares leave it.

    Raises RecipeError for a text that is not there.
    """
    size = 0.0
    for index, source in enumerate(recipe.data.sources):
        if isinstance(source, FileSource):
            path = root / source.path
            if not path.is_file():
                raise RecipeError(f"data.sources.{index}.path: there is no file {path}.")
            size += source.share * path.stat().st_size
        elif isinstance(source, PassageSource):
            size += source.share * PASSAGE_BYTES[source.passages]
    return size


def folder_for(recipe: Recipe, settled: Recipe, out: Path | None) -> Path:
    """The run's folder: the one that holds this recipe already, else a new one, written with the recipe in it.

    recipe: as written, whose open hardware and threads agree with whatever a stored run settled on.
    Raises RecipeError where `out` holds a run of another recipe.
    """
    if out is not None:
        stored = _stored(out)
        if stored is not None and (changed := _changed(recipe, settled, stored)):
            raise RecipeError(
                f"{out} holds a run of another recipe ({', '.join(changed[:3])} differ). Choose another --out."
            )
        return out
    for number in count(1):
        folder = RUNS / (settled.name if number == 1 else f"{settled.name}-{number}")
        stored = _stored(folder)
        if stored is None or not _changed(recipe, settled, stored):
            return folder
    raise AssertionError


def keep(settled: Recipe, folder: Path) -> Recipe:
    """The recipe stored in the run's folder, which is `settled` where there is none yet."""
    path = folder / RECIPE
    if path.is_file():
        return load(path)
    dump(settled, path, "The settled recipe of this run: every default filled in. Running it again continues the run.")
    return settled


def _stored(folder: Path) -> Recipe | None:
    path = folder / RECIPE
    return load(path) if path.is_file() else None


def _changed(recipe: Recipe, settled: Recipe, stored: Recipe) -> list[str]:
    """Keys in which a stored run differs; what the written recipe leaves to danlu does not count."""
    old, new = stored.model_dump(mode="json"), settled.model_dump(mode="json")
    if recipe.hardware == "auto":
        new["hardware"] = old["hardware"]
    if recipe.threads is None:
        new["threads"] = old["threads"]
    return list(differences(old, new))


def _paths(written: dict[str, Any]) -> list[tuple[str, dict[str, Any], str]]:
    """(place, mapping, key) of every path that a recipe may hold."""
    found = [("base.chat_template", written["base"], "chat_template")]
    for index, source in enumerate(written["data"]["sources"]):
        found += [(f"data.sources.{index}.{key}", source, key) for key in ("path", "held_out") if key in source]
    scenario = written["evaluation"]["scenario"]
    found += [(f"evaluation.scenario.{key}", scenario, key) for key in ("path", "gsm8k") if key in scenario]
    return found
