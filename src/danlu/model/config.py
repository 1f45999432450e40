"""What a decoder is made of: the differences between families as fields, not as branches.

Source: the config.json of Hugging Face's transformers, in its older form (`rope_theta`, `rope_scaling`) and
its newer one (`rope_parameters`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from danlu.errors import CheckpointError
from danlu.model.rope import RopeConfig

# What each family adds to the plain Llama layer.
_FAMILIES: Mapping[str, Mapping[str, bool]] = {
    "llama": {},
    "mistral": {},
    "qwen2": {"qkv_bias": True},
    "qwen3": {"qk_norm": True},
}


@dataclass(frozen=True, slots=True)
class DecoderConfig:
    """Shapes and variants of a decoder with RMSNorm, rotary positions, grouped queries and SwiGLU."""

    family: str
    vocab_size: int
    num_layers: int
    width: int
    ffn_width: int
    num_heads: int
    num_kv_heads: int
    head_width: int
    max_positions: int
    norm_eps: float
    rope: RopeConfig
    tied: bool
    qkv_bias: bool = False
    output_bias: bool = False
    qk_norm: bool = False

    @classmethod
    def from_hf(cls, config: Mapping[str, Any]) -> DecoderConfig:
        """Read a config.json. Raises CheckpointError for what this decoder cannot compute exactly."""
        family = config.get("model_type")
        if not isinstance(family, str) or family not in _FAMILIES:
            known = ", ".join(_FAMILIES)
            raise CheckpointError(f"model_type {family!r} is not supported; danlu's decoder knows {known}.")
        variant = dict(_FAMILIES[family])
        if config.get("attention_bias"):
            variant |= {"qkv_bias": True, "output_bias": True}
        _only(config, "hidden_act", "silu")
        _only(config, "mlp_bias", False)
        try:
            heads, width = config["num_attention_heads"], config["hidden_size"]
            built = cls(
                family=family,
                vocab_size=config["vocab_size"],
                num_layers=config["num_hidden_layers"],
                width=width,
                ffn_width=config["intermediate_size"],
                num_heads=heads,
                num_kv_heads=config.get("num_key_value_heads") or heads,
                head_width=config.get("head_dim") or width // heads,
                max_positions=config["max_position_embeddings"],
                norm_eps=config["rms_norm_eps"],
                rope=RopeConfig.from_hf(config),
                tied=config.get("tie_word_embeddings", False),
                **variant,
            )
        except KeyError as error:
            raise CheckpointError(f"config.json has no {error.args[0]!r}, which a {family} model needs.") from error
        window = config.get("sliding_window") if config.get("use_sliding_window", family == "mistral") else None
        if window and window < built.max_positions:
            raise CheckpointError(
                f"config.json sets a sliding window of {window} below its {built.max_positions} positions; "
                "danlu's attention sees everything before a token, so the logits would differ."
            )
        return built


def _only(config: Mapping[str, Any], key: str, value: object) -> None:
    if config.get(key, value) != value:
        raise CheckpointError(f"config.json sets {key}={config[key]!r}; danlu's decoder knows only {value!r}.")
