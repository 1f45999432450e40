"""A writer of tiny GGUF files, with llama.cpp's names and its order of query and key rows."""

import numpy as np
import pytest
from gguf import GGUFWriter, quantize
from tokenizers.pre_tokenizers import ByteLevel

WIDTH, FEED, HEADS, KV_HEADS = 32, 64, 4, 2
HEAD = WIDTH // HEADS
KEYS = {"attn_q": HEADS, "attn_k": KV_HEADS}
TOKENS = ["<|end|>", *sorted(ByteLevel.alphabet()), "he", "ll"]


def permuted(values, heads):
    """llama.cpp's order of query and key rows, as its converter writes them."""
    half = values.shape[0] // heads // 2
    return values.reshape(heads, 2, half, -1).swapaxes(1, 2).reshape(values.shape)


def weights_of(architecture):
    draw = np.random.default_rng(0)
    kv = HEAD * KV_HEADS
    shapes = {"attn_q": (WIDTH, WIDTH), "attn_k": (kv, WIDTH), "attn_v": (kv, WIDTH)}
    shapes |= {"attn_output": (WIDTH, WIDTH), "attn_norm": (WIDTH,), "ffn_norm": (WIDTH,)}
    shapes |= {"ffn_gate": (FEED, WIDTH), "ffn_up": (FEED, WIDTH), "ffn_down": (WIDTH, FEED)}
    if architecture == "qwen3":
        shapes |= {"attn_q_norm": (HEAD,), "attn_k_norm": (HEAD,)}
    named = {f"blk.0.{name}.weight": shape for name, shape in shapes.items()}
    if architecture == "qwen2":
        named |= {f"blk.0.{name}.bias": shapes[name][:1] for name in ("attn_q", "attn_k", "attn_v")}
    named |= {"token_embd.weight": (len(TOKENS), WIDTH), "output_norm.weight": (WIDTH,)}
    return {name: draw.normal(size=shape).astype(np.float32) for name, shape in named.items()}


@pytest.fixture
def write(tmp_path):
    """write(name, …) → path. `edit` sees the GGUFWriter before the weights go in."""

    def writer(
        name="tiny.gguf",
        *,
        architecture="llama",
        pre="smollm",
        quantised=None,
        weights=None,
        edit=lambda out: None,
        tokenizer=True,
        licence="apache-2.0",
    ):
        path = tmp_path / name
        out = GGUFWriter(path, architecture)
        if licence:
            out.add_license(licence)
        out.add_block_count(1)
        out.add_context_length(128)
        out.add_embedding_length(WIDTH)
        out.add_feed_forward_length(FEED)
        out.add_head_count(HEADS)
        out.add_head_count_kv(KV_HEADS)
        out.add_layer_norm_rms_eps(1e-5)
        if tokenizer:
            out.add_tokenizer_model("gpt2")
            out.add_tokenizer_pre(pre)
            out.add_token_list(TOKENS)
            out.add_token_types([3] + [1] * (len(TOKENS) - 1))
            out.add_token_merges(["h e", "l l"])
            out.add_eos_token_id(0)
            out.add_chat_template("{{ messages[0]['content'] }}<|end|>")
        edit(out)
        for key, original in (weights or weights_of(architecture)).items():
            heads = KEYS.get(key.split(".")[-2]) if architecture == "llama" else None
            value = permuted(original, heads) if heads else original
            if quantised and value.ndim == 2:
                out.add_tensor(key, quantize(value, quantised), raw_dtype=quantised)
            else:
                out.add_tensor(key, np.ascontiguousarray(value))
        out.write_header_to_file()
        out.write_kv_data_to_file()
        out.write_tensors_to_file()
        out.close()
        return path

    return writer


@pytest.fixture
def original():
    """The weights that `write` puts into a file, by GGUF name, rows in Hugging Face's order."""
    return weights_of


@pytest.fixture
def heard():
    """A list that hears events, and the callback that fills it."""

    class Heard(list):
        def __call__(self, event, fields):
            self.append((event, dict(fields)))

    return Heard()
