"""A config.json as a shape: dense, mixtures, latent and sliding attention, layers with a state.

Keys are those of Hugging Face transformers' families; a multimodal model's text part is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from danlu.compute.architecture.shapes import Architecture, Biases, Experts, Latent, State
from danlu.errors import CheckpointError

Config = Mapping[str, Any]

# Families with a feed-forward part of two matrices, with a tied head, with every bias, unless their config says so.
_PLAIN = frozenset(
    "gpt2 gpt_neo gpt_neox gptj gpt_bigcode bloom falcon opt mpt phi starcoder2 nemotron nemotron_h apertus "
    "arcee".split()
)
_TIED = frozenset(
    "gpt2 gpt_neo gpt_bigcode bloom falcon opt mpt starcoder2 gemma gemma2 gemma3 gemma3_text gemma4 gemma4_text "
    "cohere cohere2".split()
)
_BIASED = frozenset("gpt2 gpt_neo gpt_neox gpt_bigcode bloom opt phi starcoder2 gpt_oss".split())
_QKV = frozenset("qwen qwen2 qwen2_moe qwen2_vl qwen2_5_vl qwen2_5_vl_text chatglm glm glm4 glm4_moe seed_oss".split())
_QK_NORM = ("qwen3", "gemma3", "gemma4", "olmo2", "olmo3", "apertus", "hunyuan_v1", "minimax_m2")
_FOUR_WIDTHS = frozenset("gpt2 gpt_neo gptj gpt_bigcode bloom falcon mpt".split())


def from_hf(config: Config, name: str = "") -> Architecture:
    """Read a config.json. Raises CheckpointError with the key that is missing."""
    told = _flat(config)
    family = str(told.get("model_type") or "")
    layers = _whole(told, "num_hidden_layers", "n_layer", "num_layers", "n_layers", default=_pattern_length(told))
    width = _whole(told, "hidden_size", "n_embd", "d_model", "dim")
    heads = _whole(told, "num_attention_heads", "n_head", "n_heads")
    experts = _experts(told, layers)
    state, bare, mixers = _state(told, layers)
    window, full = _window(told, family, mixers - (state.layers if state else 0))
    return Architecture(
        name=name or str(told.get("_name_or_path") or family or "model"),
        num_layers=mixers,
        width=width,
        ffn_width=_ffn_width(told, family, width),
        num_heads=heads,
        num_kv_heads=_kv_heads(told, family, heads),
        head_width=_whole(told, "head_dim", "kv_channels", "attention_head_dim", default=width // max(heads, 1)),
        vocab_size=_whole(told, "vocab_size", "padded_vocab_size"),
        gated=family not in _PLAIN,
        tied=bool(_first(told, "tie_word_embeddings", default=family in _TIED)),
        biases=_biases(told, family),
        qk_norm=bool(_first(told, "use_qk_norm", "qk_layernorm", default=family.startswith(_QK_NORM))),
        positions=_whole(told, "n_positions", "max_position_embeddings") if family in {"gpt2", "gpt_bigcode"} else 0,
        window=window,
        full_layers=full,
        bare_layers=bare,
        experts=experts,
        latent=_latent(told),
        state=state,
    )


def _flat(config: Config) -> dict[str, Any]:
    """The text part's keys over the whole model's; parts of one layer (DBRX, MPT) beside them."""
    text = config.get("text_config") or config.get("llm_config") or {}
    told = {**config, **(text if isinstance(text, Mapping) else {})}
    for part in ("attn_config", "ffn_config"):
        inner = told.get(part)
        if isinstance(inner, Mapping):
            told = {**inner, **told}
    return told


def _first(told: Config, *keys: str, default: Any) -> Any:
    """The first of the keys that is given and not null."""
    return next((told[key] for key in keys if told.get(key) is not None), default)


def _whole(told: Config, *keys: str, default: int | None = None) -> int:
    value = _first(told, *keys, default=default)
    if isinstance(value, list):  # one for each layer, or for each kind of expert
        value = max(value, default=None)
    if value is None:
        raise CheckpointError(f"config.json has no {keys[0]!r}, without which a model's size is not known.")
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"config.json: {keys[0]!r} is {value!r}; write a whole number.") from error


def _ffn_width(told: Config, family: str, width: int) -> int:
    ratio = told.get("expansion_ratio")
    usual = int(ratio * width) if ratio else 4 * width if family in _FOUR_WIDTHS else None
    if told.get("intermediate_size_mlp") is not None:  # Llama 4: of its layers without experts
        return _whole(told, "intermediate_size_mlp")
    keys = ("intermediate_size", "ffn_hidden_size", "n_inner", "ffn_dim", "inner_dim")
    return _whole(told, *keys, default=usual if told.get("moe_intermediate_size") is None else usual or 0)


def _kv_heads(told: Config, family: str, heads: int) -> int:
    if family == "falcon" and not told.get("new_decoder_architecture"):
        return 1 if told.get("multi_query", True) else heads
    if family == "gpt_bigcode":
        return 1 if told.get("multi_query", True) else heads
    return _whole(told, "num_key_value_heads", "num_kv_heads", "multi_query_group_num", "kv_n_heads", default=heads)


def _biases(told: Config, family: str) -> Biases:
    if family in _BIASED and told.get("use_bias") is not False:
        return "all"
    if family in _QKV and told.get("attention_bias") is not False:
        return "qkv"
    return "qkvo" if told.get("attention_bias") else ""


def _window(told: Config, family: str, attention_layers: int) -> tuple[int | None, int | None]:
    """What sliding layers see, and how many see everything."""
    window = _first(told, "sliding_window", "attention_chunk_size", default=None)
    kinds = told.get("layer_types") or told.get("attention_layer_types")
    if window is None or told.get("use_sliding_window") is False:
        return None, None
    if isinstance(kinds, list):
        full = sum(kind in {"full_attention", "attention", "global"} for kind in kinds)
        return (int(window), full) if full < attention_layers else (None, None)
    usual = {"gemma2": 2, "gemma3": 6, "gemma3_text": 6, "cohere2": 4, "gpt_oss": 2, "llama4_text": 4}
    every = _first(told, "sliding_window_pattern", "_sliding_window_pattern", default=usual.get(family, 0))
    if isinstance(every, str):  # OLMo 3 and EXAONE 4 write LLLG
        every = len(every)
    return int(window), attention_layers // every if every else 0


def _experts(told: Config, layers: int) -> Experts | None:
    count = _first(told, "n_routed_experts", "num_local_experts", "num_experts", "moe_num_experts", default=0)
    if isinstance(count, list):
        count = max(count, default=0)
    if not count or int(count) < 2:
        return None
    active = _whole(told, "num_experts_per_tok", "num_experts_per_token", "moe_top_k", "moe_k", "top_k_experts")
    width = _whole(told, "moe_intermediate_size", "intermediate_size", "ffn_hidden_size")
    number = _first(
        told, "n_shared_experts", "moe_num_shared_experts", "num_shared_experts", "num_shared_expert", default=0
    )
    keys = ("shared_expert_intermediate_size", "moe_shared_expert_intermediate_size", "shared_intermediate_size")
    shared = _whole(told, *keys, default=width * _most(number))
    if told.get("model_type") in {"llama4", "llama4_text"}:
        shared = width
    return Experts(int(count), active, width, shared, _dense(told, layers), int(told.get("moe_latent_size") or 0))


def _most(number: Any) -> int:
    return max(number, default=0) if isinstance(number, list) else int(number)


def _dense(told: Config, layers: int) -> int:
    """Layers without experts."""
    frequency = told.get("moe_layer_freq")
    if isinstance(frequency, list):
        return sum(not each for each in frequency)
    if told.get("mlp_only_layers"):
        return len(told["mlp_only_layers"])
    every = _first(told, "decoder_sparse_step", "interleave_moe_layer_step", "expert_layer_period", default=1)
    first = int(_first(told, "first_k_dense_replace", "num_dense_layers", "moe_layer_start_index", default=0))
    return first + (layers - first) - (layers - first) // max(1, int(every))


def _latent(told: Config) -> Latent | None:
    if told.get("kv_lora_rank") is None:
        return None
    rank = told.get("q_lora_rank")
    return Latent(
        _whole(told, "kv_lora_rank"),
        None if rank is None else int(rank),
        _whole(told, "qk_nope_head_dim"),
        _whole(told, "qk_rope_head_dim"),
        _whole(told, "v_head_dim"),
    )


def _pattern_length(told: Config) -> int | None:
    kinds = told.get("layers_block_type") or told.get("hybrid_override_pattern")
    return None if kinds is None else len(kinds)


def _state(told: Config, layers: int) -> tuple[State | None, int, int]:
    """(layers that keep a state, layers without a feed-forward part, layers that mix tokens)."""
    pattern = told.get("hybrid_override_pattern") or told.get("layers_block_type")
    if told.get("model_type") == "nemotron_h" and pattern:  # each block is a mixer or a feed-forward part alone
        mamba = sum(kind in {"M", "mamba"} for kind in pattern)
        mixers = mamba + sum(kind in {"*", "attention"} for kind in pattern)
        state = _mamba(told, mamba, "mamba_num_heads", "mamba_head_dim", "n_groups", "ssm_state_size")
        return state, mixers - (len(pattern) - mixers), mixers
    kinds = told.get("layer_types") or told.get("layers_block_type") or []
    linear, mamba = kinds.count("linear_attention"), kinds.count("mamba")
    if not linear and not kinds and told.get("linear_num_value_heads") and told.get("full_attention_interval"):
        linear = layers - layers // int(told["full_attention_interval"])
    if linear:
        return _delta(told, linear), 0, layers
    if mamba:
        return _mamba(told, mamba, "mamba_n_heads", "mamba_d_head", "mamba_n_groups", "mamba_d_state"), 0, layers
    return None, 0, layers


def _mamba(told: Config, layers: int, *keys: str) -> State:
    heads, head, groups, size = (_whole(told, key) for key in keys)
    inner = heads * head
    return State(layers, 2 * inner + 2 * groups * size + heads, inner, inner * size)


def _delta(told: Config, layers: int) -> State:
    """The gated delta rule of Qwen3-Next."""
    keys, values = _whole(told, "linear_num_key_heads"), _whole(told, "linear_num_value_heads")
    key, value = _whole(told, "linear_key_head_dim"), _whole(told, "linear_value_head_dim")
    inputs = 2 * keys * key + 2 * values * value + 2 * values
    return State(layers, inputs, values * value, values * key * value, gate=bool(told.get("attn_output_gate", True)))
