"""A C file, compiled for this machine at first use and kept in the cache. Not every machine has a compiler.

`$CC` names the compiler; DANLU_NATIVE=0 does without one.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
from pathlib import Path

from danlu.artefact import cache_folder

_FLAGS = ("-O3", "-march=native", "-std=gnu11", "-shared", "-fPIC")
_THREADS = "-fopenmp"
_CPUINFO = Path("/proc/cpuinfo")


def version() -> str:
    """What the compiler says of itself, "none" where there is none: the last bit of compiled arithmetic follows it."""
    return _version(os.environ.get("CC", "cc"), os.environ.get("DANLU_NATIVE", "1"))


def compiled(source: Path) -> Path | None:
    """The shared library made from `source`, or None where there is no compiler that can make it.

    It is named by all that it follows from: source, compiler, flags, and what this processor can do.
    """
    if version() == "none":
        return None
    made_from = [source.read_bytes(), version().encode(), " ".join(_FLAGS).encode(), _abilities().encode()]
    path = cache_folder() / "compiled" / f"{source.stem}-{hashlib.sha256(b'|'.join(made_from)).hexdigest()[:16]}.so"
    return path if path.is_file() or _compile(source, path) else None


@functools.cache
def _version(compiler: str, wanted: str) -> str:
    named = shlex.split(compiler)
    if wanted == "0" or not named or not shutil.which(named[0]):
        return "none"
    said = subprocess.run([*named, "--version"], capture_output=True, check=False, text=True).stdout
    return said.partition("\n")[0] or compiler


def _abilities() -> str:
    """Instruction sets of the processor: a cache may be shared by machines that differ."""
    lines = _CPUINFO.read_text(errors="replace").splitlines() if _CPUINFO.is_file() else []
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return f"{platform.machine()} {flags}"


def _compile(source: Path, path: Path) -> bool:
    """Make the library, whole or not at all: with threads where the compiler has OpenMP, else without."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f".{path.name}.{os.getpid()}")
    for threads in ([_THREADS], []):
        command = [*shlex.split(os.environ.get("CC", "cc")), *_FLAGS, *threads, str(source), "-o", str(made), "-lm"]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0 and made.is_file():
            made.replace(path)
            return True
    made.unlink(missing_ok=True)
    return False
