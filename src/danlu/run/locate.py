"""What a user may name where a base is asked for: a run, a folder, or a locator."""

from __future__ import annotations

from pathlib import Path

from danlu.artefact import read_json
from danlu.errors import LocatorError
from danlu.hub import Resolved, resolve
from danlu.hub.folder import describe
from danlu.hub.store import Emit, silent
from danlu.tokens import Renderer, check_template
from danlu.tokens.template import BARE
from danlu.tokens.tokenizer import configuration


def locate(text: str, *, runs: Path = Path("runs"), emit: Emit = silent) -> Resolved:
    """The checkpoint that `text` names: a run (its folder, or its name below `runs`), a folder, or a locator.

    Raises LocatorError for a run that has not trained yet, Refusal 3 where the chat template is not the one
    trained with.
    """
    run = run_folder(text, runs)
    if run is None:
        base = resolve(text, emit=emit)
    else:
        model = run / "train" / "model"
        if not model.is_dir():
            raise LocatorError(
                f"{run} has no trained model yet. Finish it: danlu run {run / 'recipe.yaml'} --out {run}."
            )
        base = describe(model, str(run))
    _check_trained_template(base.folder)
    return base


def run_folder(text: str, runs: Path = Path("runs")) -> Path | None:
    """The run folder that `text` names, by path or by name; None where it names none."""
    for folder in (Path(text), runs / text):
        if (folder / "recipe.yaml").is_file():
            return folder
    return None


def _check_trained_template(folder: Path) -> None:
    """Refusal 3 for a checkpoint that remembers another template. One that learnt plain text may have none."""
    path = folder / "danlu.json"
    trained_with = read_json(path).get("template_sha256") if path.is_file() else None
    if trained_with is not None:
        template = None if configuration(folder).get("chat_template") else BARE
        check_template(trained_with, Renderer.from_folder(folder, template).template_sha256, str(folder))
