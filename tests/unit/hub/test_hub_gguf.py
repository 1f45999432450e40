"""A GGUF file, a folder or a wheel becomes one complete folder; what is broken is said in a sentence."""

import json
import zipfile

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType, GGUFWriter, quantize
from safetensors.torch import load_file
from tokenizers import Tokenizer

from danlu.errors import LocatorError
from danlu.hub import fetch_wheel, resolve
from danlu.hub.gguf_file import to_bf16

WIDTH, FEED, HEADS, KV_HEADS = 32, 64, 4, 2


def permuted(values, heads):
    """llama.cpp's order of query and key rows, as its converter writes them."""
    half = values.shape[0] // heads // 2
    return values.reshape(heads, 2, half, -1).swapaxes(1, 2).reshape(values.shape)


@pytest.fixture(scope="module")
def weights():
    draw = np.random.default_rng(0)
    kv = WIDTH // HEADS * KV_HEADS
    shapes = {
        "attn_q": (WIDTH, WIDTH),
        "attn_k": (kv, WIDTH),
        "attn_v": (kv, WIDTH),
        "attn_output": (WIDTH, WIDTH),
    }
    shapes |= {"ffn_gate": (FEED, WIDTH), "ffn_up": (FEED, WIDTH), "ffn_down": (WIDTH, FEED)}
    values = {f"blk.0.{name}.weight": draw.normal(size=shape) for name, shape in shapes.items()}
    values |= {f"blk.0.{name}.weight": np.ones(WIDTH) for name in ("attn_norm", "ffn_norm")}
    values |= {"token_embd.weight": draw.normal(size=(259, WIDTH)), "output_norm.weight": np.ones(WIDTH)}
    return {name: value.astype(np.float32) for name, value in values.items()}


@pytest.fixture
def write(tmp_path, weights):
    def writer(name="tiny.gguf", architecture="llama", pre="smollm", quantised=None):
        path = tmp_path / name
        out = GGUFWriter(path, architecture)
        out.add_license("apache-2.0")
        out.add_block_count(1)
        out.add_context_length(128)
        out.add_embedding_length(WIDTH)
        out.add_feed_forward_length(FEED)
        out.add_head_count(HEADS)
        out.add_head_count_kv(KV_HEADS)
        out.add_layer_norm_rms_eps(1e-5)
        out.add_tokenizer_model("gpt2")
        out.add_tokenizer_pre(pre)
        from tokenizers.pre_tokenizers import ByteLevel

        out.add_token_list(["<|end|>", *sorted(ByteLevel.alphabet()), "he", "ll"])
        out.add_token_types([3] + [1] * 258)
        out.add_token_merges(["h e", "l l"])
        out.add_eos_token_id(0)
        out.add_chat_template("{{ messages[0]['content'] }}<|end|>")
        for key, original in weights.items():
            heads = {"attn_q": HEADS, "attn_k": KV_HEADS}.get(key.split(".")[2] if "blk" in key else "")
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


def test_a_gguf_file_becomes_a_complete_folder(write, weights, tmp_path):
    base = resolve(str(write()), cache=tmp_path / "cache")
    tensors = load_file(base.folder / "model.safetensors")
    expected = to_bf16(weights["blk.0.attn_q.weight"])
    assert (tensors["model.layers.0.self_attn.q_proj.weight"].view(torch.uint16).numpy() == expected).all()
    assert set(tensors) >= {
        "model.embed_tokens.weight",
        "model.norm.weight",
        "model.layers.0.mlp.down_proj.weight",
    }
    config = json.loads((base.folder / "config.json").read_text())
    assert config["rms_norm_eps"] == 1e-5
    assert config["tie_word_embeddings"]
    assert base.licence == "apache-2.0"
    assert base.dequantised is None
    tokenizer = Tokenizer.from_file(str(base.folder / "tokenizer.json"))
    ids = tokenizer.encode("hello 12<|end|>").ids
    assert ids[-1] == 0
    assert tokenizer.decode(ids) == "hello 12"


def test_a_quantised_file_says_so(write, tmp_path):
    base = resolve(str(write(quantised=GGMLQuantizationType.Q8_0)), cache=tmp_path / "cache")
    assert base.dequantised == "Q8_0"


def test_the_conversion_is_cached_by_content(write, tmp_path):
    first = resolve(str(write()), cache=tmp_path / "cache")
    stamp = (first.folder / "model.safetensors").stat().st_mtime_ns
    again = resolve(str(write("copy.gguf")), cache=tmp_path / "cache")
    assert again.folder == first.folder
    assert (again.folder / "model.safetensors").stat().st_mtime_ns == stamp


def test_a_conversion_that_fails_leaves_nothing_behind(write, tmp_path):
    with pytest.raises(LocatorError, match="unknown pre-tokenizer 'other'"):
        resolve(str(write(pre="other")), cache=tmp_path / "cache")
    assert list((tmp_path / "cache" / "bases").iterdir()) == []


def test_a_converted_folder_is_itself_a_base(write, tmp_path):
    base = resolve(str(write()), cache=tmp_path / "cache")
    assert resolve(str(base.folder)).licence == "apache-2.0"


def test_another_content_than_the_pinned_one_is_refused(write, tmp_path):
    with pytest.raises(LocatorError, match="but the recipe pins 00"):
        resolve(str(write()), sha256="00", cache=tmp_path)


def test_what_is_no_base_is_said_in_a_sentence(write, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "junk.gguf").write_bytes(b"not a gguf")
    (tmp_path / "notes.txt").write_text("x")
    for name, says in {
        str(write("q.gguf", architecture="qwen2")): "'qwen2' cannot be converted",
        str(tmp_path / "empty"): "not a complete Hugging Face checkpoint: config.json, tokenizer.json, model",
        str(tmp_path / "junk.gguf"): "not a readable GGUF file",
        str(tmp_path / "notes.txt"): "neither a folder nor a .gguf file",
        str(tmp_path / "nowhere"): "no such base",
        "pypi:two words": "not a pypi: locator; write it like",
        "hf:justname": "not a hf: locator; write it like",
    }.items():
        with pytest.raises(LocatorError, match=says):
            resolve(name, cache=tmp_path / "cache")


def test_a_wheel_that_points_outside_itself_is_not_unpacked(tmp_path, monkeypatch):
    archive = tmp_path / "index" / "evil-1.0-py3-none-any.whl"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as wheel:
        wheel.writestr("../outside.txt", "x")
    monkeypatch.setattr("danlu.hub.wheel._download", lambda *_: archive)
    with pytest.raises(LocatorError, match="points outside the wheel"):
        fetch_wheel("evil", "1.0", cache=tmp_path / "cache")
    assert not list(tmp_path.rglob("outside.txt"))


def test_bf16_rounds_to_nearest_even_as_torch_does():
    values = np.random.default_rng(1).normal(size=10_000).astype(np.float32)
    values[:3] = [1.00390625, 1.01171875, 0.0]  # two exact ties
    expected = torch.from_numpy(values).bfloat16().view(torch.uint16).numpy()
    assert (to_bf16(values) == expected).all()
