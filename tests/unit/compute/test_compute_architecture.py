import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from danlu.compute.architecture import KNOWN, find, from_hf, lookup, of_size, size_in
from danlu.errors import CheckpointError, RecipeError

# Model cards: billions of parameters, all and those that a token takes (gpt-oss's card leaves out 0.58 of embedding).
PUBLISHED = {
    "llama-2-7b": (6.74, None),
    "llama-3.1-8b": (8.03, None),
    "llama-3.1-70b": (70.6, None),
    "llama-3.1-405b": (405.9, None),
    "llama-3.2-1b": (1.24, None),
    "llama-3.2-3b": (3.21, None),
    "llama-4-scout": (108.6, 17.2),
    "llama-4-maverick": (401.6, 17.2),
    "tinyllama-1.1b": (1.10, None),
    "mistral-7b": (7.24, None),
    "mistral-nemo-12b": (12.2, None),
    "mixtral-8x7b": (46.7, 12.9),
    "mixtral-8x22b": (140.6, 39.1),
    "yi-34b": (34.4, None),
    "qwen-7b": (7.72, None),
    "qwen2.5-0.5b": (0.494, None),
    "qwen2.5-7b": (7.62, None),
    "qwen2.5-72b": (72.7, None),
    "qwen2.5-vl-7b": (8.29, None),
    "qwen3-0.6b": (0.596, None),
    "qwen3-8b": (8.19, None),
    "qwen3-30b-a3b": (30.5, 3.35),
    "qwen3-235b-a22b": (235.1, 22.2),
    "qwen3-480b-a35b": (480.2, 35.5),
    "qwen3-next-80b-a3b": (79.7, 3.9),
    "gpt2-124m": (0.1244, None),
    "gpt-175b": (174.6, None),
    "gpt-530b": (529.6, None),
    "gpt-1t": (1008.0, None),
    "gpt-neox-20b": (20.55, None),
    "pythia-6.9b": (6.86, None),
    "bloom-176b": (176.2, None),
    "opt-66b": (65.7, None),
    "mpt-7b": (6.66, None),
    "falcon-7b": (6.92, None),
    "falcon-40b": (41.8, None),
    "starcoder-15b": (15.52, None),
    "palm-540b": (540.35, None),
    "phi-2-2.7b": (2.78, None),
    "phi-3-mini-3.8b": (3.82, None),
    "phi-4-14b": (14.66, None),
    "gemma-2b": (2.51, None),
    "gemma-7b": (8.54, None),
    "gemma-2-9b": (9.24, None),
    "gemma-2-27b": (27.2, None),
    "gemma-3-27b": (27.4, None),
    "deepseek-v2-lite-16b": (15.7, 2.66),
    "deepseek-v2-236b": (235.7, 21.4),
    "deepseek-v3-671b": (671.0, 37.55),
    "kimi-k2-1t": (1026.4, 32.9),
    "glm-4-9b": (9.40, None),
    "glm-4.5-air-106b": (106.9, None),
    "gpt-oss-20b": (20.91, 4.19),
    "gpt-oss-120b": (116.83, 5.71),
    "minimax-m2-230b": (228.7, None),
    "internlm2-20b": (19.86, None),
    "baichuan2-13b": (13.9, None),
    "chatglm3-6b": (6.24, None),
    "olmo-2-7b": (7.30, None),
    "olmoe-1b-7b": (6.92, 1.28),
    "smollm2-135m": (0.1345, None),
    "smollm3-3b": (3.08, None),
    "stablelm-alpha-3b": (3.64, None),
    "nemotron-3-nano-30b-a3b": (31.6, 3.6),
    "nemotron-3-super-120b-a12b": (120.6, 12.7),
    "nemotron-nano-9b": (8.89, None),
    "jamba-52b": (51.5, 12.0),
    "command-r-35b": (34.98, None),
    "dbrx-132b": (131.6, 36.5),
    "grok-1-314b": (315.7, None),
    "granite-3-8b": (8.17, None),
    "minimax-01-456b": (456.1, None),
}


@pytest.mark.parametrize(("name", "billions"), PUBLISHED.items())
def test_parameters_are_those_of_the_model_card_within_one_percent(name, billions):
    total, active = billions
    shape = KNOWN[name]
    assert shape.num_parameters / 1e9 == pytest.approx(total, rel=0.01)
    if active is not None:
        assert shape.active_parameters / 1e9 == pytest.approx(active, rel=0.02)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("LLAMA3_70B", "llama-3-70b"),
        ("LLAMA3.1_405B", "llama-3.1-405b"),
        ("Meta-Llama-3-8B", "llama-3-8b"),
        ("meta-llama/Meta-Llama-3.1-8B-Instruct", "llama-3.1-8b"),
        ("mlx-community/Meta-Llama-3.1-8B-Instruct-4bit", "llama-3.1-8b"),
        ("amd/Llama-3.1-405B-Instruct-FP8-KV", "llama-3.1-405b"),
        ("NousResearch/Llama-2-70b-hf", "llama-2-70b"),
        ("Llama-2-70b-chat", "llama-2-70b"),
        ("TheBloke/Llama-2-70B-GPTQ", "llama-2-70b"),
        ("Llama2-7B", "llama-2-7b"),
        ("llama2-7b-aqlm-2bit-1x16", "llama-2-7b"),
        ("LLaMA 7B", "llama-7b"),
        ("GPT 175B", "gpt-175b"),
        ("GPT-3 175B", "gpt-175b"),
        ("MPT-7b", "mpt-7b"),
        ("gpt-oss-120b", "gpt-oss-120b"),
        ("GPT OSS 120B", "gpt-oss-120b"),
        ("axolotl-ai-co/gpt-oss-120b-dequantized", "gpt-oss-120b"),
        ("DeepSeek-V3", "deepseek-v3-671b"),
        ("DeepSeekV3 (w/o MTP)", "deepseek-v3-671b"),
        ("QuixiAI/DeepSeek-V3-0324-AWQ", "deepseek-v3-671b"),
        ("DeepSeek-R1-0528", "deepseek-v3-671b"),
        ("DeepSeek-R1 w8a8", "deepseek-v3-671b"),
        ("DeepSeek-R1-Distill-Qwen-14B", "qwen2.5-14b"),
        ("deepseek-ai/DeepSeek-R1-Distill-Llama-8B", "llama-3.1-8b"),
        ("deepseek-ai/DeepSeek-R1-0528-Qwen3-8B", "qwen3-8b"),
        ("Qwen3_30B_a3B (tokendrop)", "qwen3-30b-a3b"),
        ("Qwen3-Coder-30B-A3B-Instruct-Q8_0", "qwen3-30b-a3b"),
        ("Qwen/Qwen3-235B-A22B-Instruct-2507", "qwen3-235b-a22b"),
        ("qwen-1_8b-chat", "qwen-1.8b"),
        ("qwen1half-7b-chat-awq", "qwen1.5-7b"),
        ("Qwen2.5-Coder-7B-Q8_0.gguf", "qwen2.5-7b"),
        ("Qwen/Qwen2.5-VL-72B-Instruct-GPTQ-Int4", "qwen2.5-vl-72b"),
        ("nanochat d24", "nanochat-d24"),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", "mixtral-8x7b"),
        ("Mistral-7B-Instruct-v0.3", "mistral-7b"),
        ("moonshotai/Kimi-K2.5", "kimi-k2-1t"),
        ("nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-BF16", "nemotron-3-super-120b-a12b"),
        ("gemma-3-4b-it-qat", "gemma-3-4b"),
        ("Llama 4 Scout 17B-16E", "llama-4-scout"),
        ("bigcode/gpt_bigcode-santacoder", "santacoder-1.1b"),
        ("phi-1.5 1.3B", "phi-1.5-1.3b"),
        ("OLMo-2-1124-13B-Instruct", "olmo-2-13b"),
        ("internlm2_5-7b-chat", "internlm2-7b"),
        ("qwen2.5:32b-instruct-q4_K_M", "qwen2.5-32b"),
        ("unsloth/Llama-3.2-1B-Instruct-bnb-4bit", "llama-3.2-1b"),
        ("nvidia/Llama-3_1-Nemotron-Ultra-253B-v1", "llama-3.1-nemotron-ultra-253b"),
    ],
)
def test_spelling_tuning_and_storage_do_not_matter(written, meant):
    assert find(written).name == meant


@pytest.mark.parametrize("name", ["Foo-34B", "generic 7B", "Llama-3-900B", "", "MaxText 52B", "gpt"])
def test_a_size_that_no_table_has_is_not_another_model(name):
    assert lookup(name) is None


@pytest.mark.parametrize("name", KNOWN)
def test_every_known_model_is_found_under_its_own_name(name):
    assert find(name.upper().replace("-", " ")).name == name


def test_an_unknown_model_is_answered_with_the_nearest_name():
    with pytest.raises(RecipeError, match=r"'llama-3.1-8' is not known; the nearest name is 'llama-3.1-8b'"):
        find("llama-3.1-8")


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("Foo-34B", (34e9, None)),
        ("Foo-30B-A3B", (30e9, 3e9)),
        ("foo_1_5b-chat", (1.5e9, None)),
        ("foo7b", (7e9, None)),
        ("foo-350m", (350e6, None)),
        ("foo 1.2T", (1.2e12, None)),
        ("LLAMA3_70B", (70e9, None)),
        ("foo", (None, None)),
    ],
)
def test_a_name_tells_its_size(name, sizes):
    assert size_in(name) == pytest.approx(sizes)


def test_experts_in_a_name_share_what_is_not_an_expert():
    total, active = size_in("mixtral-8x7b")
    assert total == pytest.approx(46.7e9, rel=0.01)
    assert active == pytest.approx(12.9e9, rel=0.01)


@given(st.floats(3e7, 3e13))
def test_a_model_of_a_size_has_that_size(size):
    assert of_size(size).num_parameters == pytest.approx(size, rel=0.01)


@given(st.floats(1e9, 3e12), st.floats(0.03, 0.6))
@settings(max_examples=60)
def test_a_mixture_of_a_size_has_that_size_and_takes_that_much(size, share):
    shape = of_size(size, share * size)
    assert shape.num_parameters == pytest.approx(size, rel=0.01)
    assert shape.active_parameters == pytest.approx(share * size, rel=0.15)


@pytest.mark.parametrize(("size", "nearest"), [(0, "1M"), (1e15, "100T")])
def test_a_size_that_no_model_has_is_refused_with_the_nearest(size, nearest):
    with pytest.raises(RecipeError, match=f"nearest size is {nearest}"):
        of_size(size)


@pytest.mark.parametrize("shape", KNOWN.values(), ids=lambda s: s.name)
def test_a_cache_grows_with_the_request_and_never_shrinks_with_precision(shape):
    assert shape.kv_bytes(1000) <= shape.kv_bytes(2000) <= 2 * shape.kv_bytes(1000) + 1
    assert shape.kv_bytes(1000, 1.0) <= shape.kv_bytes(1000, 2.0)
    assert shape.forward_flops(1000, 1000) > 2 * shape.active_matrix_parameters * 1000


def test_latent_attention_keeps_576_numbers_a_token_and_layer():
    assert KNOWN["deepseek-v3-671b"].kv_bytes(1) == 61 * 576 * 2


def test_sliding_layers_keep_their_window_only():
    gemma = KNOWN["gemma-3-27b"]
    one = gemma.kv_elements_per_token_layer * 2
    assert gemma.kv_bytes(100_000) == one * (10 * 100_000 + 52 * 1024)


LLAMA = {
    "model_type": "llama",
    "num_hidden_layers": 32,
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
}
DEEPSEEK = {
    "model_type": "deepseek_v3",
    "num_hidden_layers": 61,
    "hidden_size": 7168,
    "intermediate_size": 18432,
    "moe_intermediate_size": 2048,
    "num_attention_heads": 128,
    "num_key_value_heads": 128,
    "vocab_size": 129280,
    "n_routed_experts": 256,
    "num_experts_per_tok": 8,
    "n_shared_experts": 1,
    "first_k_dense_replace": 3,
    "moe_layer_freq": 1,
    "kv_lora_rank": 512,
    "q_lora_rank": 1536,
    "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64,
    "v_head_dim": 128,
}
GPT_OSS = {
    "model_type": "gpt_oss",
    "num_hidden_layers": 36,
    "hidden_size": 2880,
    "intermediate_size": 2880,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "head_dim": 64,
    "vocab_size": 201088,
    "attention_bias": True,
    "num_local_experts": 128,
    "num_experts_per_tok": 4,
    "sliding_window": 128,
    "layer_types": ["sliding_attention", "full_attention"] * 18,
}
LLAMA_4 = {
    "model_type": "llama4",
    "text_config": {
        "model_type": "llama4_text",
        "num_hidden_layers": 48,
        "hidden_size": 5120,
        "intermediate_size": 8192,
        "intermediate_size_mlp": 16384,
        "num_attention_heads": 40,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "vocab_size": 202048,
        "num_local_experts": 128,
        "num_experts_per_tok": 1,
        "interleave_moe_layer_step": 2,
        "attention_chunk_size": 8192,
        "use_qk_norm": False,
    },
}
QWEN_NEXT = {
    "model_type": "qwen3_next",
    "num_hidden_layers": 48,
    "hidden_size": 2048,
    "intermediate_size": 5120,
    "moe_intermediate_size": 512,
    "shared_expert_intermediate_size": 512,
    "num_attention_heads": 16,
    "num_key_value_heads": 2,
    "head_dim": 256,
    "vocab_size": 151936,
    "num_experts": 512,
    "num_experts_per_tok": 10,
    "full_attention_interval": 4,
    "linear_num_key_heads": 16,
    "linear_num_value_heads": 32,
    "linear_key_head_dim": 128,
    "linear_value_head_dim": 128,
}
NEMOTRON = {
    "model_type": "nemotron_h",
    "hybrid_override_pattern": "MEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME",
    "hidden_size": 2688,
    "intermediate_size": 1856,
    "moe_intermediate_size": 1856,
    "moe_shared_expert_intermediate_size": 3712,
    "n_routed_experts": 128,
    "num_experts_per_tok": 6,
    "num_attention_heads": 32,
    "num_key_value_heads": 2,
    "head_dim": 128,
    "mamba_num_heads": 64,
    "mamba_head_dim": 64,
    "n_groups": 8,
    "ssm_state_size": 128,
    "vocab_size": 131072,
}
GEMMA = {
    "model_type": "gemma3",
    "text_config": {
        "model_type": "gemma3_text",
        "num_hidden_layers": 62,
        "hidden_size": 5376,
        "intermediate_size": 21504,
        "num_attention_heads": 32,
        "num_key_value_heads": 16,
        "head_dim": 128,
        "vocab_size": 262208,
        "sliding_window": 1024,
    },
}
GPT_2 = {
    "model_type": "gpt2",
    "n_layer": 12,
    "n_embd": 768,
    "n_head": 12,
    "vocab_size": 50257,
    "n_positions": 1024,
}
FALCON = {
    "model_type": "falcon",
    "num_hidden_layers": 32,
    "hidden_size": 4544,
    "num_attention_heads": 71,
    "vocab_size": 65024,
    "multi_query": True,
    "bias": False,
}


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (LLAMA, "llama-3-8b"),
        (DEEPSEEK, "deepseek-v3-671b"),
        (GPT_OSS, "gpt-oss-120b"),
        (QWEN_NEXT, "qwen3-next-80b-a3b"),
        (NEMOTRON, "nemotron-3-nano-30b-a3b"),
        (GPT_2, "gpt2-124m"),
        (FALCON, "falcon-7b"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_config_json_gives_the_known_models_shape(config, name):
    read, known = from_hf(config), KNOWN[name]
    assert read.num_parameters == known.num_parameters
    assert read.active_parameters == known.active_parameters
    assert read.kv_bytes(10_000) == known.kv_bytes(10_000)
    assert read.forward_flops(4096, 4096) == known.forward_flops(4096, 4096)


@pytest.mark.parametrize(("config", "name"), [(LLAMA_4, "llama-4-maverick"), (GEMMA, "gemma-3-27b")])
def test_a_multimodal_models_text_part_is_read(config, name):
    read, known = from_hf(config), KNOWN[name]
    assert read.num_parameters == known.num_parameters - known.extra_parameters
    assert (read.window, read.full_layers) == (known.window, known.full_layers)


@pytest.mark.parametrize(
    "missing", ["num_hidden_layers", "hidden_size", "intermediate_size", "num_attention_heads", "vocab_size"]
)
def test_a_key_without_which_the_size_is_unknown_is_named(missing):
    config = {key: value for key, value in LLAMA.items() if key != missing}
    with pytest.raises(CheckpointError, match=f"has no '{missing}'"):
        from_hf(config)


def test_a_value_that_is_no_number_is_named():
    with pytest.raises(CheckpointError, match="'hidden_size' is 'wide'; write a whole number"):
        from_hf({**LLAMA, "hidden_size": "wide"})
