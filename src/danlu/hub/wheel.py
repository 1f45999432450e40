"""Wheels as carriers of files: fetched by pip under the user's own index settings, never installed."""

from __future__ import annotations

import email.parser
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from danlu.artefact import cache_folder, hash_file
from danlu.errors import LocatorError
from danlu.hub.store import Emit, build_once, silent, workspace

_TIMEOUT_S = 1800
_UNREACHABLE = ("Retrying (", "NewConnectionError", "Could not fetch URL", "Temporary failure in name")


@dataclass(frozen=True, slots=True)
class Wheel:
    """An unpacked wheel: its folder, the SHA-256 of the .whl, and the version that was fetched."""

    folder: Path
    sha256: str
    version: str

    @property
    def licence(self) -> str | None:
        """What its METADATA says: License-Expression, else a one-line License, else the classifier."""
        for path in self.folder.glob("*.dist-info/METADATA"):
            said = email.parser.HeaderParser().parsestr(path.read_text("utf-8", "replace"))
            for key in ("License-Expression", "License"):
                if said[key] and "\n" not in said[key].strip() and said[key].strip().upper() != "UNKNOWN":
                    return str(said[key]).strip()
            for classifier in said.get_all("Classifier", []):
                if classifier.startswith("License :: "):
                    return str(classifier.rpartition(" :: ")[2])
        return None


def fetch_wheel(
    name: str,
    version: str | None,
    sha256: str | None = None,
    cache: Path | None = None,
    emit: Emit = silent,
) -> Wheel:
    """Fetch and unpack a wheel once; later calls read the cache. Raises LocatorError, naming what to do.

    Without a version the newest one is fetched, and the cache is not asked.
    """
    wheels = (cache or cache_folder()) / "wheels"
    expected = sha256.lower() if sha256 else None
    if wheel := _cached(wheels, name, version, expected):
        return wheel
    with workspace(wheels / f"fetch-{_folder_name(name, version or 'newest')}") as part:
        if wheel := _cached(wheels, name, version, expected):  # fetched while this process waited
            return wheel
        emit("fetch", {"source": f"pypi:{name}" + (f"=={version}" if version else "")})
        archive = _download(name, version, part)
        digest = hash_file(archive)
        _check_hash(name, digest, expected)
        found = archive.name.split("-")[1]
        folder = wheels / f"{_folder_name(name, found)}-{digest}"
        build_once(folder, lambda into: _unpack(archive, into))
    emit("fetched", {"source": f"pypi:{name}=={found}", "sha256": digest})
    return Wheel(folder, digest, found)


def is_fetched(name: str, version: str | None, cache: Path | None = None) -> bool:
    """Whether `fetch_wheel` would find it in the cache."""
    return _cached((cache or cache_folder()) / "wheels", name, version, None) is not None


def _cached(wheels: Path, name: str, version: str | None, expected: str | None) -> Wheel | None:
    if version is None:
        return None
    digests = [f.name.rpartition("-")[2] for f in sorted(wheels.glob(f"{_folder_name(name, version)}-*"))]
    if not digests:
        return None
    digest = expected if expected in digests else digests[0]
    _check_hash(name, digest, expected)
    return Wheel(wheels / f"{_folder_name(name, version)}-{digest}", digest, version)


def _folder_name(name: str, version: str) -> str:
    return f"{name.lower().replace('-', '_').replace('.', '_')}-{version}"


def _check_hash(name: str, actual: str, expected: str | None) -> None:
    if expected is not None and actual != expected:
        raise LocatorError(
            f"pypi:{name}: the wheel's sha256 is {actual}, but the recipe pins {expected}. "
            "Do not use it before you know why; if the change is meant, write the new hash."
        )


def _download(name: str, version: str | None, into: Path) -> Path:
    wanted = f"{name}=={version}" if version else name
    options = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--quiet"]
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(into), wanted]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise LocatorError(
            f"pypi:{wanted} was not fetched within {_TIMEOUT_S // 60} minutes. Check the network and try again."
        ) from error
    found = sorted(into.glob("*.whl"))
    if done.returncode == 0 and found:
        return found[0]
    if "No module named pip" in done.stderr:
        raise LocatorError(f"pypi:{wanted} cannot be fetched: this Python has no pip. Run python -m ensurepip.")
    if any(sign in done.stderr for sign in _UNREACHABLE):
        raise LocatorError(
            f"pypi:{wanted} cannot be fetched: the package index does not answer. "
            "Check the network and pip's index settings (pip config list)."
        )
    said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    reason = said[-1].removeprefix("ERROR: ") if said else f"pip failed with exit code {done.returncode}"
    raise LocatorError(
        f"pypi:{wanted} cannot be fetched: {reason.rstrip('.')}. "
        "Check name and version, and that the index has a wheel of it."
    )


def _unpack(archive: Path, into: Path) -> None:
    """Unpack; a member that would land outside `into` is a broken or hostile wheel."""
    try:
        with zipfile.ZipFile(archive) as wheel:
            for member in wheel.infolist():
                if _leaves(member.filename):
                    raise LocatorError(
                        f"{archive.name}: the member {member.filename!r} points outside the wheel, "
                        "so none of it is used."
                    )
            for member in wheel.infolist():
                target = into / member.filename
                if member.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                with wheel.open(member) as source, target.open("wb") as sink:
                    shutil.copyfileobj(source, sink)
    except zipfile.BadZipFile as error:
        raise LocatorError(f"{archive.name}: not a readable wheel ({error}). Fetch it again.") from error


def _leaves(member: str) -> bool:
    windows = PureWindowsPath(member)
    return bool(windows.drive or windows.root) or ".." in (*PurePosixPath(member).parts, *windows.parts)
