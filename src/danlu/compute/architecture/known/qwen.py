"""Qwen 1 to 3.6 and what is built on them.

Shapes of the published config.json's. Columns: layers, width, feed-forward width, heads, key-value heads, head width,
vocabulary. Visual towers are extra parameters.
"""

from __future__ import annotations

from dataclasses import replace

from danlu.compute.architecture.shapes import Architecture as Of
from danlu.compute.architecture.shapes import Experts, State

_QWEN: tuple[Of, ...] = (
    Of("qwen-1.8b", 24, 2048, 5504, 16, 16, 128, 151936, biases="qkv"),
    Of("qwen-7b", 32, 4096, 11008, 32, 32, 128, 151936, biases="qkv"),
    Of("qwen-14b", 40, 5120, 13696, 40, 40, 128, 152064, biases="qkv"),
    Of("qwen-72b", 80, 8192, 24576, 64, 64, 128, 152064, biases="qkv"),
    Of("qwen1.5-0.5b", 24, 1024, 2816, 16, 16, 64, 151936, True, True, "qkv"),
    Of("qwen1.5-1.8b", 24, 2048, 5504, 16, 16, 128, 151936, biases="qkv"),
    Of("qwen1.5-4b", 40, 2560, 6912, 20, 20, 128, 151936, biases="qkv"),
    Of("qwen1.5-7b", 32, 4096, 11008, 32, 32, 128, 151936, biases="qkv"),
    Of("qwen1.5-14b", 40, 5120, 13696, 40, 40, 128, 152064, biases="qkv"),
    Of("qwen1.5-32b", 64, 5120, 27392, 40, 8, 128, 152064, biases="qkv"),
    Of("qwen1.5-72b", 80, 8192, 24576, 64, 64, 128, 152064, biases="qkv"),
    Of("qwen1.5-110b", 80, 8192, 49152, 64, 8, 128, 152064, biases="qkv"),
    Of("qwen1.5-moe-a2.7b", 24, 2048, 5632, 16, 16, 128, 151936, biases="qkv", experts=Experts(60, 4, 1408, 5632)),
    Of("qwen2-0.5b", 24, 896, 4864, 14, 2, 64, 151936, True, True, "qkv"),
    Of("qwen2-1.5b", 28, 1536, 8960, 12, 2, 128, 151936, True, True, "qkv"),
    Of("qwen2-7b", 28, 3584, 18944, 28, 4, 128, 152064, biases="qkv"),
    Of("qwen2-57b-a14b", 28, 3584, 18944, 28, 4, 128, 151936, biases="qkv", experts=Experts(64, 8, 2560, 20480)),
    Of("qwen2-72b", 80, 8192, 29568, 64, 8, 128, 152064, biases="qkv"),
    Of("qwen2.5-0.5b", 24, 896, 4864, 14, 2, 64, 151936, True, True, "qkv"),
    Of("qwen2.5-1.5b", 28, 1536, 8960, 12, 2, 128, 151936, True, True, "qkv"),
    Of("qwen2.5-3b", 36, 2048, 11008, 16, 2, 128, 151936, True, True, "qkv"),
    Of("qwen2.5-7b", 28, 3584, 18944, 28, 4, 128, 152064, biases="qkv"),
    Of("qwen2.5-14b", 48, 5120, 13824, 40, 8, 128, 152064, biases="qkv"),
    Of("qwen2.5-32b", 64, 5120, 27648, 40, 8, 128, 152064, biases="qkv"),
    Of("qwen2.5-72b", 80, 8192, 29568, 64, 8, 128, 152064, biases="qkv"),
    Of("qwen3-0.6b", 28, 1024, 3072, 16, 8, 128, 151936, tied=True, qk_norm=True),
    Of("qwen3-1.7b", 28, 2048, 6144, 16, 8, 128, 151936, tied=True, qk_norm=True),
    Of("qwen3-4b", 36, 2560, 9728, 32, 8, 128, 151936, tied=True, qk_norm=True),
    Of("qwen3-8b", 36, 4096, 12288, 32, 8, 128, 151936, qk_norm=True),
    Of("qwen3-14b", 40, 5120, 17408, 40, 8, 128, 151936, qk_norm=True),
    Of("qwen3-32b", 64, 5120, 25600, 64, 8, 128, 151936, qk_norm=True),
    Of("qwen3-30b-a3b", 48, 2048, 6144, 32, 4, 128, 151936, qk_norm=True, experts=Experts(128, 8, 768)),
    Of("qwen3-235b-a22b", 94, 4096, 12288, 64, 4, 128, 151936, qk_norm=True, experts=Experts(128, 8, 1536)),
    Of("qwen3-480b-a35b", 62, 6144, 8192, 96, 8, 128, 151936, qk_norm=True, experts=Experts(160, 8, 2560)),
)

# Visual and audio parts beside the text model of the second name, in millions of parameters.
_TOWERS = (
    ("qwen2-vl-2b", "qwen2-1.5b", 665),
    ("qwen2-vl-7b", "qwen2-7b", 676),
    ("qwen2-vl-72b", "qwen2-72b", 700),
    ("qwen2.5-vl-3b", "qwen2.5-3b", 669),
    ("qwen2.5-vl-7b", "qwen2.5-7b", 676),
    ("qwen2.5-vl-32b", "qwen2.5-32b", 690),
    ("qwen2.5-vl-72b", "qwen2.5-72b", 705),
    ("qwen2.5-omni-3b", "qwen2.5-3b", 2450),
    ("qwen2.5-omni-7b", "qwen2.5-7b", 3120),
    ("qwen3-vl-2b", "qwen3-1.7b", 407),
    ("qwen3-vl-4b", "qwen3-4b", 415),
    ("qwen3-vl-8b", "qwen3-8b", 576),
    ("qwen3-vl-32b", "qwen3-32b", 596),
    ("qwen3-vl-30b-a3b", "qwen3-30b-a3b", 538),
    ("qwen3-vl-235b-a22b", "qwen3-235b-a22b", 576),
    ("qwen3-omni-30b-a3b", "qwen3-30b-a3b", 4700),
    ("internvl3-1b", "qwen2.5-0.5b", 310),
    ("internvl3-2b", "qwen2.5-1.5b", 310),
    ("internvl3-8b", "qwen2.5-7b", 310),
    ("internvl3.5-8b", "qwen3-8b", 310),
    ("internvl3.5-30b-a3b", "qwen3-30b-a3b", 310),
)


def _hybrid(shape: Of, values: int) -> Of:
    """Three layers of the gated delta rule (16 key heads, `values` value heads, all of 128) to one of attention."""
    linear = shape.num_layers * 3 // 4
    state = State(linear, 2 * 16 * 128 + 2 * values * 128 + 2 * values, values * 128, values * 128 * 128, gate=True)
    return replace(shape, qk_norm=True, full_layers=shape.num_layers - linear, state=state)


_HYBRIDS: tuple[Of, ...] = tuple(
    _hybrid(shape, values)
    for values, shape in (
        (32, Of("qwen3-next-80b-a3b", 48, 2048, 5120, 16, 2, 256, 151936, experts=Experts(512, 10, 512, 512))),
        (16, Of("qwen3.5-0.8b", 24, 1024, 3584, 8, 2, 256, 248320, tied=True, extra_parameters=100_000_000)),
        (16, Of("qwen3.5-2b", 24, 2048, 6144, 8, 2, 256, 248320, tied=True, extra_parameters=330_000_000)),
        (32, Of("qwen3.5-4b", 32, 2560, 9216, 16, 4, 256, 248320, tied=True, extra_parameters=330_000_000)),
        (32, Of("qwen3.5-9b", 32, 4096, 12288, 16, 4, 256, 248320, extra_parameters=450_000_000)),
        (48, Of("qwen3.5-27b", 64, 5120, 17408, 24, 4, 256, 248320, extra_parameters=450_000_000)),
        (32, Of("qwen3.5-35b-a3b", 40, 2048, 512, 16, 2, 256, 248320, experts=Experts(256, 8, 512, 512))),
        (64, Of("qwen3.5-122b-a10b", 48, 3072, 1024, 32, 2, 256, 248320, experts=Experts(256, 8, 1024, 1024))),
        (64, Of("qwen3.5-397b-a17b", 60, 4096, 1024, 32, 2, 256, 248320, experts=Experts(512, 10, 1024, 1024))),
    )
)

_TEXT = {shape.name: shape for shape in _QWEN}
QWEN: tuple[Of, ...] = (
    *_QWEN,
    *(replace(_TEXT[text], name=name, extra_parameters=extra * 1_000_000) for name, text, extra in _TOWERS),
    *_HYBRIDS,
)
