"""What this machine is: cores, instruction set, memory. Asked once; everything else is told.

Sources: Linux's /proc/cpuinfo and control groups (v1, v2); psutil elsewhere.
"""

from __future__ import annotations

import ctypes
import functools
import math
import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from danlu.compute import ISAS, Device, Isa, cpu

_CPUINFO = Path("/proc/cpuinfo")
_CGROUP = Path("/sys/fs/cgroup")
_UNLIMITED = 2**60  # control groups v1 write "no limit" as a number near 2**63
_KERNEL_CACHES = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY")
_KERNELS = 128  # a micro-batch meets some 60 shapes, in each layer the same
_MALLOC = {  # mallopt's numbers, from malloc.h
    "MALLOC_MMAP_THRESHOLD_": (-3, 1 << 30),
    "MALLOC_TRIM_THRESHOLD_": (-1, (1 << 31) - 1),
}
_NAME_KEYS = ("model name", "Model", "Hardware", "cpu model")


@dataclass(frozen=True, slots=True)
class Machine:
    """This computer as a run sees it.

    name: model, cores and instruction set; equal on two machines where a run takes as long and ends in the same
    bits. clock_hz: the highest clock that the system names. memory_bytes: of the machine, or what its container
    may use.
    """

    name: str
    isa: Isa
    physical_cores: int
    logical_cores: int
    clock_hz: float
    memory_bytes: int

    def device(self, threads: int | None = None) -> Device:
        """As the planner sees it, with `threads` of its cores at work (null: the physical ones)."""
        used = min(threads or self.physical_cores, self.logical_cores)
        return cpu(self.name, isa=self.isa, cores=used, clock_hz=self.clock_hz, memory_bytes=self.memory_bytes)

    def described(self) -> dict[str, str | int | float]:
        """As JSON, for run.json."""
        return {name: getattr(self, name) for name in self.__slots__}


@functools.cache
def this_machine() -> Machine:
    """This computer. It is asked once, so that one run sees one machine."""
    facts = read_cpuinfo(_CPUINFO.read_text(encoding="utf-8", errors="replace") if _CPUINFO.is_file() else "")
    isa = instruction_set(facts)
    logical = _allowed_cores()
    physical = min(logical, psutil.cpu_count(logical=False) or logical)
    model = next((facts[key] for key in _NAME_KEYS if facts.get(key)), platform.processor() or platform.machine())
    return Machine(
        name=f"{' '.join(model.split())}, {physical} {'core' if physical == 1 else 'cores'}, {isa}",
        isa=isa,
        physical_cores=physical,
        logical_cores=logical,
        clock_hz=_clock_hz(),
        memory_bytes=_memory_bytes(),
    )


def prepare_libraries() -> None:
    """Settings that torch's libraries read when they are loaded, so to be called before torch is imported.

    oneDNN and PyTorch each keep 1,024 compiled kernels, one for every shape that they met, of some 0.7 MB. Packs have
    ever new lengths, so training grew by a gigabyte that was not used again. And threads that wait sleep: where another
    program takes a core, spinning ones cost two thirds of the speed. What the environment says already stands.

    And glibc gives large blocks back to the system at once, only to be given them again, cleared page by page: a
    twentieth of a training step. It is told to keep them; processes that are started read that from the environment.
    """
    for variable in _KERNEL_CACHES:
        os.environ.setdefault(variable, str(_KERNELS))
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    library = ctypes.CDLL(None)
    for variable, (option, size) in _MALLOC.items():
        os.environ.setdefault(variable, str(size))
        if hasattr(library, "mallopt"):
            library.mallopt(option, int(os.environ[variable]))


def prepare_torch(threads: int) -> None:
    """Let torch compute with so many threads."""
    prepare_libraries()
    import torch

    torch.set_num_threads(threads)


def read_cpuinfo(text: str) -> dict[str, str]:
    """The first processor's facts in /proc/cpuinfo's form."""
    facts: dict[str, str] = {}
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon:
            facts.setdefault(key.strip(), value.strip())
    return facts


def instruction_set(facts: Mapping[str, str]) -> Isa:
    """The widest instruction set for matrix products that the processor names, else the least."""
    flags = set((facts.get("flags") or facts.get("Features") or "").split())
    if platform.machine().lower() in {"arm64", "aarch64"} or "asimd" in flags:
        return "neon_bf16" if "bf16" in flags else "neon"
    needed: Mapping[Isa, set[str]] = {
        "amx_bf16": {"amx_bf16", "amx_tile", "avx512f"},
        "avx512_bf16": {"avx512_bf16", "avx512f"},
        "avx512": {"avx512f", "avx512bw", "avx512vl"},
        "avx2": {"avx2"},
    }
    # a system without /proc/cpuinfo is no Linux: its x86 processors all have AVX2
    found = [isa for isa, names in needed.items() if names <= flags] if flags else ["avx2"]
    return next((isa for isa in ISAS if isa in found), "sse2")


def _allowed_cores() -> int:
    """Cores that this process may use: affinity and the container's quota count."""
    affinity = len(os.sched_getaffinity(0)) if sys.platform == "linux" else (os.cpu_count() or 1)
    quota = _first(_CGROUP / "cpu.max").split()
    if len(quota) == 2 and quota[0].isdigit():
        return max(1, min(affinity, math.ceil(int(quota[0]) / int(quota[1]))))
    return affinity


def _clock_hz() -> float:
    try:
        frequency = psutil.cpu_freq()
    except (OSError, NotImplementedError):  # some containers and ARM systems do not tell
        frequency = None
    if frequency is None:
        return 2.5e9
    megahertz = float(frequency.max or frequency.current)
    return megahertz * 1e6 if megahertz > 100 else megahertz * 1e9  # Apple's count in GHz


def _memory_bytes() -> int:
    total = int(psutil.virtual_memory().total)
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        limit = _first(_CGROUP / name)
        if limit.isdigit() and int(limit) < _UNLIMITED:
            total = min(total, int(limit))
    return total


def _first(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
