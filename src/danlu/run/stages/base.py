"""The stage `base`: what to start from, an open model resolved to a local, licensed folder, or a fresh one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from danlu.artefact import hash_value, read_json, write_json
from danlu.hub import Resolved, resolve
from danlu.recipe import FreshBase
from danlu.run.fresh import resolved_fresh, text_facts, write_fresh
from danlu.run.stage import Context, Stage
from danlu.tokens import Renderer
from danlu.tokens.template import BARE
from danlu.tokens.tokenizer import configuration

_FILE = "base.json"
_FRESH = "fresh"  # the folder of a fresh model, within the stage's


def _facts(context: Context) -> dict[str, Any]:
    """A folder may change under its name, so its content is looked at each time; wheels and revisions are pinned.

    A fresh base depends on the text that its tokenizer is trained on.
    """
    base = context.recipe.base
    written = base.model_dump(mode="json")
    if isinstance(base, FreshBase):
        return {"recipe": written, "text": text_facts(context.recipe)}
    path = Path(base.model)
    content = resolve(base.model).sha256 if path.exists() else None
    template = None if base.chat_template is None else Path(base.chat_template).read_text(encoding="utf-8")
    return {"recipe": written, "content": content, "template": template}


def _build(context: Context, folder: Path) -> None:
    base = context.recipe.base
    if isinstance(base, FreshBase):
        write_fresh(context.recipe, folder / _FRESH)
        found = resolved_fresh(base, folder / _FRESH)
        write_json(folder / _FILE, {**asdict(found), "folder": _FRESH})
        return
    found = resolve(
        base.model, sha256=base.sha256, licence=base.licence, chat_template=base.chat_template, emit=context.emit
    )
    write_json(folder / _FILE, {**asdict(found), "folder": str(found.folder)})


def resolved(context: Context) -> Resolved:
    """The base of a run whose stage `base` is done. What the cache has lost is fetched and converted again."""
    facts = read_json(context.of("base") / _FILE)
    base = context.recipe.base
    if isinstance(base, FreshBase):
        return Resolved(**{**facts, "folder": context.of("base") / _FRESH})
    found = Resolved(**{**facts, "folder": Path(facts["folder"])})
    if (found.folder / "config.json").is_file():
        return found
    return resolve(base.model, sha256=base.sha256, licence=base.licence, chat_template=base.chat_template)


def renderer(context: Context) -> Renderer:
    """Of the run's base. Plain text needs no chat template, and many bases have none."""
    return renderer_of(resolved(context).folder, context.recipe.data.form)


def renderer_of(folder: Path, form: str) -> Renderer:
    """The renderer of a checkpoint for data of a form."""
    bare = form == "text" and not configuration(folder).get("chat_template")
    return Renderer.from_folder(folder, BARE if bare else None)


def _output(folder: Path) -> str:
    facts = read_json(folder / _FILE)
    return hash_value([facts["sha256"], facts["licence"]])


STAGE = Stage("base", __name__, _facts, _build, _output, libraries=("tokenizers", "numpy"))
