"""kernels.c, compiled for this machine at first use, if it has a C compiler. No torch.

The library is kept in the cache under what it follows from: source, compiler, flags and the processor's abilities.
Without a compiler, or with DANLU_NATIVE=0, torch's own operations do the same work, slower (kernels.py).
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
from pathlib import Path

from danlu.hub.store import cache_folder

_SOURCE = Path(__file__).with_name("kernels.c")
_FLAGS = ("-O3", "-march=native", "-std=gnu11", "-shared", "-fPIC")
_THREADS = "-fopenmp"
_CPUINFO = Path("/proc/cpuinfo")

_P, _L, _F, _I = ctypes.c_void_p, ctypes.c_long, ctypes.c_float, ctypes.c_int
_SIGNATURES = {
    "norm": (_P, _P, _P, _P, _L, _L, _F, _I),
    "norm_grad": (_P, _P, _P, _P, _P, _L, _L, _I),
    "norm_weight_grad": (_P, _P, _P, _P, _L, _L, _I),
    "swiglu": (_P, _P, _P, _L, _I),
    "swiglu_grad": (_P, _P, _P, _P, _P, _L, _I),
    "gather": (_P, _P, _P, _P, _P, _L, _L, _L, _L, _L, _I),
    "scatter": (_P, _P, _P, _P, _P, _L, _L, _L, _L, _L, _I),
    "causal_softmax": (_P, _L, _L, _L, _L, _L, _F, _I),
    "softmax_grad": (_P, _P, _L, _L, _F, _I),
    "cross_entropy": (_P, _P, _P, _L, _L, _I),
}


@functools.cache
def library() -> ctypes.CDLL | None:
    """The compiled kernels, or None where there is no compiler that can make them."""
    path = _path()
    if path is None or not (path.is_file() or _compile(path)):
        return None
    found = ctypes.CDLL(str(path))
    for name, arguments in _SIGNATURES.items():
        function = getattr(found, name)
        function.argtypes, function.restype = arguments, None
    return found


def identity() -> str:
    """What the kernels' last bit depends on: "torch", or a hash of all that the library was made from."""
    return "torch" if library() is None else str(_path())[-19:-3]


@functools.cache
def _path() -> Path | None:
    compiler = _compiler()
    if compiler is None:
        return None
    version = subprocess.run([*compiler, "--version"], capture_output=True, check=False).stdout
    made_from = [_SOURCE.read_bytes(), version, " ".join(_FLAGS).encode(), _abilities().encode()]
    return cache_folder() / "kernels" / f"{hashlib.sha256(b'|'.join(made_from)).hexdigest()[:16]}.so"


def _compiler() -> list[str] | None:
    named = shlex.split(os.environ.get("CC", "cc"))
    return named if os.environ.get("DANLU_NATIVE", "1") != "0" and named and shutil.which(named[0]) else None


def _abilities() -> str:
    """Instruction sets of the processor: a cache may be shared by machines that differ."""
    lines = _CPUINFO.read_text(errors="replace").splitlines() if _CPUINFO.is_file() else []
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return f"{platform.machine()} {flags}"


def _compile(path: Path) -> bool:
    """Make the library, whole or not at all: with threads where the compiler has OpenMP, else without."""
    compiler = _compiler()
    assert compiler is not None
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f".{path.name}.{os.getpid()}")
    for threads in ([_THREADS], []):
        command = [*compiler, *_FLAGS, *threads, str(_SOURCE), "-o", str(made), "-lm"]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            made.replace(path)
            return True
    made.unlink(missing_ok=True)
    return False
