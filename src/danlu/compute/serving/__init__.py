"""Serving: what fits, how fast the first and the next token come, how many a second, at what price."""

from danlu.compute.serving.constants import SERVING, ServingConstants
from danlu.compute.serving.engines import Engine, engine_of
from danlu.compute.serving.explain import Explanation, explain
from danlu.compute.serving.formats import FORMATS, Format, format_of
from danlu.compute.serving.memory import ServingMemory, memory
from danlu.compute.serving.question import Load, Question, Split
from danlu.compute.serving.serve import Serving, serve, throughput, tpot, ttft
from danlu.compute.serving.steady import decode_step_s, prefill_s

__all__ = [
    "FORMATS",
    "SERVING",
    "Engine",
    "Explanation",
    "Format",
    "Load",
    "Question",
    "Serving",
    "ServingConstants",
    "ServingMemory",
    "Split",
    "decode_step_s",
    "engine_of",
    "explain",
    "format_of",
    "memory",
    "prefill_s",
    "serve",
    "throughput",
    "tpot",
    "ttft",
]
