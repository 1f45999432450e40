"""The stage `base`: the model to start from, resolved to a local, licensed folder."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from danlu.artefact import hash_value, read_json, write_json
from danlu.hub import Resolved, resolve
from danlu.run.stage import Context, Stage
from danlu.tokens import Renderer
from danlu.tokens.tokenizer import configuration

_FILE = "base.json"
_BARE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"  # what a base without a template says


def _facts(context: Context) -> dict[str, Any]:
    """A folder may change under its name, so its content is looked at each time; wheels and revisions are pinned."""
    base = context.recipe.base
    path = Path(base.model)
    content = resolve(base.model).sha256 if path.exists() else None
    template = None if base.chat_template is None else Path(base.chat_template).read_text(encoding="utf-8")
    return {"recipe": base.model_dump(mode="json"), "content": content, "template": template}


def _build(context: Context, folder: Path) -> None:
    base = context.recipe.base
    found = resolve(
        base.model, sha256=base.sha256, licence=base.licence, chat_template=base.chat_template, emit=context.emit
    )
    write_json(folder / _FILE, {**asdict(found), "folder": str(found.folder)})


def resolved(context: Context) -> Resolved:
    """The base of a run whose stage `base` is done. What the cache has lost is fetched and converted again."""
    facts = read_json(context.of("base") / _FILE)
    found = Resolved(**{**facts, "folder": Path(facts["folder"])})
    if (found.folder / "config.json").is_file():
        return found
    base = context.recipe.base
    return resolve(base.model, sha256=base.sha256, licence=base.licence, chat_template=base.chat_template)


def renderer(context: Context) -> Renderer:
    """Of the run's base. Plain text needs no chat template, and many bases have none."""
    folder = resolved(context).folder
    bare = context.recipe.data.form == "text" and not configuration(folder).get("chat_template")
    return Renderer.from_folder(folder, _BARE if bare else None)


def _output(folder: Path) -> str:
    facts = read_json(folder / _FILE)
    return hash_value([facts["sha256"], facts["licence"]])


STAGE = Stage("base", __name__, _facts, _build, _output)
