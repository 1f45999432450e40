"""Engines by what they do in a step, not by their names: how kernels are launched and how prompts are let in."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

Launch = Literal["graph", "python", "native"]
Admission = Literal["mixed", "first", "alone"]


@dataclass(frozen=True, slots=True)
class Engine:
    """launch: of decoding: "graph" replays a CUDA graph, "python" starts each kernel from Python, "native" from C++.

    prefill_launch: of prompts, which graphs rarely cover. admission of waiting prompts: "mixed" with the decoding
    requests in one pass of at most `chunk` tokens (Sarathi-Serve, arXiv 2403.02310); "first", before any further token
    is decoded; "alone", one request at a time from start to end. max_batch: requests that decode together unless told.
    prompt_launches: kernels of a layer that Python starts for a prompt, all where None; a compiled model replays the
    pieces between its attentions as graphs. fused: rounding, norms and all-reduces are part of the products' kernels.
    expands_cache: each step copies the cache to append to it, and widens it to one head for each query head.
    """

    name: str
    launch: Launch = "graph"
    prefill_launch: Launch = "python"
    admission: Admission = "mixed"
    chunk: int = 8192
    max_batch: int = 1024
    prompt_launches: float | None = None
    fused: bool = False
    expands_cache: bool = False


VLLM = Engine("vllm", prompt_launches=8)
SGLANG = Engine("sglang", admission="first")
TENSORRT = Engine("tensorrt-llm", max_batch=2048, fused=True)
TENSORRT_BUILT = replace(TENSORRT, name="tensorrt-llm, built", prefill_launch="native")  # ahead of time, before 1.0
TRANSFORMERS = Engine("transformers", launch="python", admission="alone", max_batch=64, expands_cache=True)
LLAMA_CPP = Engine("llama.cpp", launch="native", prefill_launch="native", admission="first", chunk=2048, max_batch=64)
_SPELT = (
    (r"sglang", SGLANG),
    (r"mlx", LLAMA_CPP),
    (r"vllm|llm-scaler|aphrodite", VLLM),
    (r"tensorrt|trt|lmdeploy|turbomind|tgi|text.generation.inference|nim\b|mii|fastgen", TENSORRT),
    (r"llama\.?cpp|ollama|lm ?studio|ggml|exllama|ktransformers|kobold|mlc|llamafile|omlx|infer|ds4", LLAMA_CPP),
    (r"transformers|hugging ?face|^hf|eager|pytorch|gpt-fast", TRANSFORMERS),
)


def engine_of(text: str, version: str = "") -> Engine:
    """The engine that a spelling means; one that nobody knows is taken as vLLM."""
    plain = text.lower()
    if re.search(r"tensorrt-?_?llm|^trt-?llm", plain) and re.match(r"v?0\.[1-9]\d?(\.|$)", version.strip()):
        return TENSORRT_BUILT
    return next((engine for pattern, engine in _SPELT if re.search(pattern, plain)), VLLM)
