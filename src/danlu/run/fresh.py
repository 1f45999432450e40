"""A fresh base: a tokenizer trained on the run's own text, and weights that have learnt nothing yet.

What the evaluation holds out is no part of that text: a tokenizer that had seen it would spell it too well.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from danlu.artefact import hash_file, write_json
from danlu.data import Row, held_out_texts, training_texts
from danlu.errors import DataError, RecipeError
from danlu.hub import Resolved
from danlu.hub.folder import describe
from danlu.recipe import FileSource, FreshBase, Recipe, scratch
from danlu.tokens import Tokenizer
from danlu.tokens.bpe import END_OF_TEXT, train_bpe


def held_out(recipe: Recipe, root: Path) -> list[Row]:
    """The documents that a `text` scenario asks about, which no training may see; none under other scenarios."""
    split = _split(recipe)
    return held_out_texts(recipe.data, split["share"], split["documents"], split["seed"], root) if split else []


def _split(recipe: Recipe) -> dict[str, Any]:
    scenario: Any = recipe.evaluation.scenario
    return scenario.model_dump(include={"share", "documents", "seed"}) if scenario.kind == "text" else {}


def text_facts(recipe: Recipe) -> dict[str, Any]:
    """All that the training text follows from. Paths are absolute; a file counts by its content and its ending."""
    written = recipe.data.model_dump(mode="json", include={"form", "sources", "max_length", "filter"})
    files = [source.path for source in recipe.data.sources if isinstance(source, FileSource)]
    for source in written["sources"]:
        source.pop("path", None)
    return {
        **written,
        "files": [[Path(path).suffix, hash_file(Path(path))] for path in files],
        "held_out": _split(recipe),
    }


def write_fresh(recipe: Recipe, folder: Path) -> None:
    """A whole checkpoint that has learnt nothing: tokenizer, configuration and first weights. Needs torch."""
    from danlu.model.initial import write_initial

    base = recipe.base
    assert isinstance(base, FreshBase)
    folder.mkdir(exist_ok=True)
    _describe(recipe, Path(), folder)
    write_initial(folder, base.seed)


def resolved_fresh(base: FreshBase, folder: Path) -> Resolved:
    """The checkpoint that `write_fresh` left."""
    return describe(folder, _source(base))


@contextlib.contextmanager
def planned_fresh(recipe: Recipe, root: Path) -> Iterator[Resolved]:
    """The base as a plan sees it, for as long as the block runs: tokenizer and configuration, no weights."""
    assert isinstance(recipe.base, FreshBase)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _describe(recipe, root, folder)
        yield Resolved(folder, _source(recipe.base), recipe.base.licence, sha256="")


def _describe(recipe: Recipe, root: Path, folder: Path) -> None:
    """Write all but the weights."""
    base = recipe.base
    assert isinstance(base, FreshBase)
    if recipe.data.form != "text":
        raise RecipeError("base.depth makes a fresh model, which learns from plain text: set data.form: text.")
    texts = []
    for row in training_texts(recipe.data, held_out(recipe, root), root):
        assert row.text is not None, "sources of data.form: text are read as text"
        if END_OF_TEXT in row.text:
            raise DataError(f"{row.where}: the text spells the control token {END_OF_TEXT!r}. Remove it from the text.")
        texts.append(row.text)
    train_bpe(texts, base.vocab_size, folder)
    eos = Tokenizer.from_folder(folder).eos_id
    assert eos is not None
    write_json(folder / "config.json", scratch.Shape.of(base).config(recipe.data.max_length, eos))
    write_json(folder / "generation_config.json", {"bos_token_id": eos, "eos_token_id": eos})
    write_json(
        folder / "danlu.json",
        {"schema": "danlu/base-1", "source": _source(base), "licence": base.licence, "dequantised": None},
    )


def _source(base: FreshBase) -> str:
    return f"fresh model of depth {base.depth}"
