"""How weights rest in memory and what they are multiplied in.

Bytes a weight count the scales: GPTQ, AWQ one fp16 scale and a zero for 128 weights; GGUF blocks from llama.cpp's
ggml-common.h (Q4_0 18 bytes and Q8_0 34 bytes for 32 weights, Q4_K_M about 4.85 bits over a whole model); MXFP4 one
byte for 32 weights (OCP Microscaling v1.0), NVFP4 one byte for 16; fp8 by blocks of 128 x 128 has next to none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from danlu.compute.catalogue.device import Device, Precision


@dataclass(frozen=True, slots=True)
class Format:
    """weight_bytes: of a matrix weight; other_bytes: of embedding and head, which most formats leave as they were.

    compute: what products run in. dequantised: weights are widened on the way to the arithmetic unit, which only the
    weights of a format narrower than `compute` need. mixture_bytes: of a mixture's other
    matrices, as weight_bytes where None.
    """

    name: str
    weight_bytes: float
    compute: Precision
    other_bytes: float = 2.0
    dequantised: bool = False
    mixture_bytes: float | None = None

    def computes_in(self, device: Device) -> Precision:
        """What the device has of it: four bits are widened to 16 where there is no arithmetic for four."""
        if self.weight_bytes < 1 and not self.dequantised and "fp4" not in device.peaks:
            return device.runs("bf16")
        return device.runs(self.compute)

    def widened(self, device: Device) -> bool:
        """Whether that device unpacks weights before it multiplies."""
        return self.dequantised or self.computes_in(device) != self.compute


def _integer(name: str, bits: float, other: float = 2.0) -> Format:
    return Format(name, bits / 8, "bf16", other, dequantised=True)


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        form.name: form
        for form in (
            Format("fp32", 4, "fp32", 4),
            Format("bf16", 2, "bf16"),
            Format("fp16", 2, "fp16"),
            Format("fp8", 1.0, "fp8"),
            Format("w8a8", 1.0, "fp8"),
            Format("nvfp4", 0.5625, "fp4"),
            Format("mxfp4", 0.53125, "fp8", mixture_bytes=2.0),
            Format("mxfp4-gguf", 0.53125, "bf16", 8.5 / 8, dequantised=True, mixture_bytes=8.5 / 8),
            _integer("int8", 8.13),
            _integer("int4", 4.16),
            _integer("mlx-8bit", 8.5, 8.5 / 8),  # groups of 64 with two fp16 numbers, the embedding as well
            _integer("mlx-4bit", 4.5, 4.5 / 8),
            _integer("q8_0", 8.5, 8.5 / 8),
            _integer("q6_k", 6.56, 6.56 / 8),
            _integer("q5_k", 5.7, 0.82),
            _integer("q4_k", 4.85, 0.82),
            _integer("q4_0", 4.5),
            _integer("q3_k", 3.9, 0.7),
            _integer("q2_k", 3.0, 0.6),
        )
    }
)
_SPELT = (
    (r"nvfp4", "nvfp4"),
    (r"mxfp4|mx_?fp4", "mxfp4"),
    (r"\bfp4\b|float4", "nvfp4"),
    (r"w8a8|int8_?w8a8", "w8a8"),
    (r"fp8|float8|e4m3|w8a8_fp8", "fp8"),
    (r"^\W*4[ -]?bit\W*$", "mlx-4bit"),
    (r"^\W*8[ -]?bit\W*$", "mlx-8bit"),
    (r"q8_?0|q8\b", "q8_0"),
    (r"q6", "q6_k"),
    (r"q5", "q5_k"),
    (r"q4_?0|qat", "q4_0"),
    (r"q4|iq4", "q4_k"),
    (r"q3|iq3|mixed iq", "q3_k"),
    (r"q2|iq2|iq1|q1", "q2_k"),
    (r"int4|uint4|4[ -]?bit|awq|w4a16|nf4|exl2|gptq(?!.*8)", "int4"),
    (r"int8|8[ -]?bit|gptq.*8|w8a16", "int8"),
    (r"fp32|float32|\bf32\b", "fp32"),
    (r"bf16|bfloat16", "bf16"),
    (r"fp16|float16|\bf16\b|half", "fp16"),
)


def format_of(text: str) -> Format | None:
    """The format that a spelling means ("fp8 (gemm fp8, moe fp8_block)", "Q4_K_M", "awq-int4"); None where none."""
    plain = text.lower()
    return next((FORMATS[name] for pattern, name in _SPELT if re.search(pattern, plain)), None)
