"""A folder in the Hugging Face layout: is it complete, what does it hold, under which licence."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from danlu.artefact import hash_file, hash_value, read_json, write_json, write_text
from danlu.errors import LocatorError

_NEEDED = ("config.json", "tokenizer.json")
_CONTENT = ("*.json", "*.safetensors", "*.jinja")
_SILENT = {"", "other", "unknown", "none"}  # what a card says when it does not name a licence


@dataclass(frozen=True, slots=True)
class Resolved:
    """A base on this disk.

    sha256 names its content: that of the wheel, the GGUF file or the folder's files, together with the chat
    template's where the recipe replaces it. dequantised: the type the weights were quantised in, if they were.
    """

    folder: Path
    source: str
    licence: str | None
    sha256: str
    dequantised: str | None = None


def describe(folder: Path, source: str) -> Resolved:
    """A complete checkpoint, hashed. Raises LocatorError that names the missing files."""
    missing = [name for name in _NEEDED if not (folder / name).is_file()] + _missing_weights(folder)
    if missing:
        hint = ""
        if "tokenizer.json" in missing and (folder / "tokenizer.model").is_file():
            hint = " Its tokenizer.model has to be converted: AutoTokenizer.from_pretrained, save_pretrained."
        elif list(folder.glob("*.bin")):
            hint = " Its .bin weights have to be converted: from_pretrained, save_pretrained."
        elif len(list(folder.glob("*.gguf"))) == 1:
            hint = " Name the GGUF file in it instead."
        raise LocatorError(f"{folder} is not a complete Hugging Face checkpoint: {', '.join(missing)} missing.{hint}")
    config = read_json(folder / "config.json")
    if not isinstance(config, dict) or "model_type" not in config:
        raise LocatorError(f"{folder / 'config.json'} names no model_type, so it describes no model.")
    files = sorted({p for pattern in _CONTENT for p in folder.glob(pattern) if p.name != "danlu.json"})
    digest = hash_value([[p.name, hash_file(p)] for p in files])
    facts = _facts(folder)
    licence = said(facts.get("licence")) or card_licence(folder)
    return Resolved(folder, source, licence, digest, facts.get("dequantised"))


def said(licence: Any) -> str | None:
    """The licence that an artefact names, or None where it says "other" or nothing."""
    if isinstance(licence, list) and len(licence) == 1:
        licence = licence[0]
    if not isinstance(licence, str) or licence.strip().lower() in _SILENT:
        return None
    return licence.strip()


def card_licence(folder: Path) -> str | None:
    """`license` (or `license_name`, where that says "other") in the front matter of the model card."""
    card = folder / "README.md"
    if not card.is_file():
        return None
    opening, fence, rest = card.read_text("utf-8", "replace").partition("---\n")
    matter, fence, _ = rest.partition("\n---")
    if opening.strip() or not fence:
        return None
    try:
        facts = YAML(typ="safe", pure=True).load(matter)
    except YAMLError:  # a card that nobody can read says nothing
        return None
    if not isinstance(facts, dict):
        return None
    return said(facts.get("license")) or said(facts.get("license_name"))


def with_template(base: Resolved, template: str, into: Path) -> None:
    """Write into `into` the same checkpoint under another chat template; its weights are linked, not copied."""
    for path in sorted(p for p in base.folder.iterdir() if p.is_file()):
        target = into / path.name
        if path.suffix != ".safetensors":
            shutil.copyfile(path, target)
            continue
        try:
            os.link(path.resolve(), target)
        except OSError:  # another file system, or one without links
            shutil.copyfile(path, target)
    config = into / "tokenizer_config.json"
    values = read_json(config) if config.is_file() else {}
    write_json(config, {**values, "chat_template": template})
    write_text(into / "chat_template.jinja", template)
    facts = {**_facts(into), "chat_template": "replaced by the recipe's"}
    facts = {
        "schema": "danlu/base-1",
        "source": base.source,
        "licence": base.licence,
        "sha256": base.sha256,
        "dequantised": base.dequantised,
        **facts,
    }
    write_json(into / "danlu.json", facts)


def _missing_weights(folder: Path) -> list[str]:
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        shards = set(read_json(index)["weight_map"].values())
        return sorted(name for name in shards if not (folder / name).is_file())
    return [] if list(folder.glob("*.safetensors")) else ["model.safetensors"]


def _facts(folder: Path) -> dict[str, Any]:
    path = folder / "danlu.json"
    facts = read_json(path) if path.is_file() else {}
    return facts if isinstance(facts, dict) else {}
