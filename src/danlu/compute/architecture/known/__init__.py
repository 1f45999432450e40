"""Open models by name: their published config.json's, as shapes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from danlu.compute.architecture.known.gpt import GPT
from danlu.compute.architecture.known.hybrids import HYBRIDS
from danlu.compute.architecture.known.llama import LLAMA, MISTRAL, OF_LLAMAS_LAYOUT
from danlu.compute.architecture.known.mixtures import DEEPSEEK, GLM, MIXTURES
from danlu.compute.architecture.known.qwen import QWEN
from danlu.compute.architecture.shapes import Architecture

_ALL = (*LLAMA, *MISTRAL, *OF_LLAMAS_LAYOUT, *QWEN, *GPT, *DEEPSEEK, *GLM, *MIXTURES, *HYBRIDS)

KNOWN: Mapping[str, Architecture] = MappingProxyType({shape.name: shape for shape in _ALL})
"""Every known model under its own name, with its size where the name has none."""

assert len(KNOWN) == len(_ALL)
