"""Open models by name: their published config.json's, as shapes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from danlu.compute.architecture.shapes import Architecture

KNOWN: Mapping[str, Architecture] = MappingProxyType(
    {
        "llama-3.1-8b": Architecture("llama-3.1-8b", 32, 4096, 14336, 32, 8, 128, 128256),
        "llama-3.1-70b": Architecture("llama-3.1-70b", 80, 8192, 28672, 64, 8, 128, 128256),
        "llama-3.1-405b": Architecture("llama-3.1-405b", 126, 16384, 53248, 128, 8, 128, 128256),
        "smollm2-135m": Architecture("smollm2-135m", 30, 576, 1536, 9, 3, 64, 49152, tied=True),
    }
)
