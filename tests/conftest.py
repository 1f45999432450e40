"""What several rooms' tests need: a tiny checkpoint in the Hugging Face layout."""

import json

import pytest

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
LLAMA = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "vocab_size": 259,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 256,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "tie_word_embeddings": True,
    "hidden_act": "silu",
    "attention_bias": False,
    "mlp_bias": False,
}


def write_tokenizer(folder):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(specials + alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(specials)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"eos_token": "<|im_end|>", "bos_token": "<|endoftext|>", "chat_template": CHATML}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory):
    """A two-layer Llama with random bf16 weights, a byte-level tokenizer and a ChatML template."""
    import torch

    from danlu.model import Decoder, DecoderConfig, save

    like = tmp_path_factory.mktemp("like")
    (like / "config.json").write_text(json.dumps(LLAMA))
    (like / "generation_config.json").write_text(json.dumps({"eos_token_id": 2}))
    (like / "danlu.json").write_text(json.dumps({"schema": "danlu/base-1", "licence": "own", "dequantised": None}))
    write_tokenizer(like)
    torch.manual_seed(0)
    decoder = Decoder(DecoderConfig.from_hf(LLAMA)).bfloat16()
    folder = tmp_path_factory.mktemp("tiny")
    save(decoder, folder, like)
    return folder
