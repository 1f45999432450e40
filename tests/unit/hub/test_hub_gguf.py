"""A GGUF file becomes one complete folder; what cannot be converted exactly is said in a sentence."""

import json
import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType
from safetensors.torch import load_file
from tokenizers import Tokenizer

from danlu.errors import LocatorError
from danlu.hub import resolve
from danlu.hub.gguf_file import to_bf16

ATTENTION = "model.layers.0.self_attn"


def bits(tensor):
    return tensor.view(torch.uint16).numpy()


def visible(folder):
    return [p.name for p in folder.iterdir() if not p.name.endswith(".lock")]


def test_a_gguf_file_becomes_a_complete_folder(write, original, tmp_path):
    base = resolve(str(write()), cache=tmp_path / "cache")
    tensors = load_file(base.folder / "model.safetensors")
    assert len(tensors) == len(original("llama"))
    config = json.loads((base.folder / "config.json").read_text())
    assert config["rms_norm_eps"] == 1e-5
    assert config["tie_word_embeddings"]
    assert json.loads((base.folder / "generation_config.json").read_text()) == {"eos_token_id": 0}
    assert base.licence == "apache-2.0"
    assert base.dequantised is None
    tokenizer = Tokenizer.from_file(str(base.folder / "tokenizer.json"))
    ids = tokenizer.encode("hello 12<|end|>").ids
    assert ids[-1] == 0
    assert tokenizer.decode(ids) == "hello 12"


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "qwen3"])
def test_each_weight_is_the_original_in_bf16_rows_in_hugging_faces_order(architecture, write, original, tmp_path):
    base = resolve(str(write(architecture=architecture)), cache=tmp_path / "cache")
    tensors, weights = load_file(base.folder / "model.safetensors"), original(architecture)
    assert len(tensors) == len(weights)
    pairs = {f"{ATTENTION}.q_proj.weight": "blk.0.attn_q.weight", "model.norm.weight": "output_norm.weight"}
    pairs |= {f"{ATTENTION}.k_proj.weight": "blk.0.attn_k.weight"}
    pairs |= {"model.layers.0.mlp.down_proj.weight": "blk.0.ffn_down.weight"}
    if architecture == "qwen2":
        pairs[f"{ATTENTION}.k_proj.bias"] = "blk.0.attn_k.bias"
    if architecture == "qwen3":
        pairs[f"{ATTENTION}.k_norm.weight"] = "blk.0.attn_k_norm.weight"
    for name, key in pairs.items():
        assert (bits(tensors[name]) == to_bf16(weights[key])).all(), name


def test_an_untied_head_is_kept(write, original, tmp_path):
    weights = original("llama")
    weights["output.weight"] = weights["token_embd.weight"] + 1
    base = resolve(str(write(weights=weights)), cache=tmp_path / "cache")
    assert "lm_head.weight" in load_file(base.folder / "model.safetensors")
    assert not json.loads((base.folder / "config.json").read_text())["tie_word_embeddings"]


def test_a_quantised_file_says_so(write, tmp_path):
    base = resolve(str(write(quantised=GGMLQuantizationType.Q8_0)), cache=tmp_path / "cache")
    assert base.dequantised == "Q8_0"
    facts = json.loads((base.folder / "danlu.json").read_text())
    assert facts == {
        "schema": "danlu/base-1",
        "source": str(tmp_path / "tiny.gguf"),
        "licence": "apache-2.0",
        "sha256": base.sha256,
        "dequantised": "Q8_0",
    }


def test_every_id_that_ends_a_turn_ends_a_reply(write, tmp_path):
    path = write(edit=lambda out: out.add_eot_token_id(7))
    base = resolve(str(path), cache=tmp_path / "cache")
    assert json.loads((base.folder / "generation_config.json").read_text()) == {"eos_token_id": [0, 7]}


def test_linear_rotary_scaling_is_carried_over(write, tmp_path):
    def scaled(out):
        out.add_string("llama.rope.scaling.type", "linear")
        out.add_float32("llama.rope.scaling.factor", 4.0)

    base = resolve(str(write(edit=scaled)), cache=tmp_path / "cache")
    config = json.loads((base.folder / "config.json").read_text())
    assert config["rope_scaling"] == {"rope_type": "linear", "factor": 4.0}


def test_the_conversion_is_cached_by_content(write, tmp_path, heard):
    first = resolve(str(write()), cache=tmp_path / "cache", emit=heard)
    stamp = (first.folder / "model.safetensors").stat().st_mtime_ns
    again = resolve(str(write("copy.gguf")), cache=tmp_path / "cache", emit=heard)
    assert again.folder == first.folder
    assert (again.folder / "model.safetensors").stat().st_mtime_ns == stamp
    assert [event for event, _ in heard] == ["convert", "converted"]


def test_a_conversion_that_fails_leaves_nothing_behind(write, tmp_path):
    with pytest.raises(LocatorError, match="unknown pre-tokenizer 'other'"):
        resolve(str(write(pre="other")), cache=tmp_path / "cache")
    assert visible(tmp_path / "cache" / "bases") == []


def test_a_killed_conversion_is_done_again_and_leaves_nothing_half(write, tmp_path):
    path, cache = write(), tmp_path / "cache"
    script = f"""
        import importlib, os, signal
        from pathlib import Path
        room = importlib.import_module("danlu.hub.resolve")
        def half(gguf, into):
            (into / "config.json").write_text("{{")
            os.kill(os.getpid(), signal.SIGKILL)
        room.convert = half
        room.resolve({str(path)!r}, cache=Path({str(cache)!r}))
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [name for name in visible(cache / "bases") if not name.startswith(".")] == []
    base = resolve(str(path), cache=cache)
    assert visible(cache / "bases") == [base.folder.name]
    assert json.loads((base.folder / "config.json").read_text())["model_type"] == "llama"


def test_two_processes_convert_one_file_once(write, tmp_path):
    path, cache = write(), tmp_path / "cache"
    script = (
        "import sys; from pathlib import Path; from danlu.hub import resolve\n"
        "resolve(sys.argv[1], cache=Path(sys.argv[2]), emit=lambda event, fields: print(event))"
    )
    command = [sys.executable, "-c", script, str(path), str(cache)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(said) == ["", "convert\nconverted\n"]


def test_the_hub_never_imports_torch():
    script = "import sys, danlu.hub, danlu.hub.gguf_file; sys.exit('torch' in sys.modules)"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    assert subprocess.run([sys.executable, "-c", script], check=False, env=environment).returncode == 0


def test_what_cannot_be_converted_exactly_is_said_in_a_sentence(write, original, tmp_path):
    weights = original("llama")
    lacking = {k: v for k, v in weights.items() if k != "blk.0.ffn_up.weight"}
    cut = write("cut.gguf")
    cut.write_bytes(cut.read_bytes()[:-4000])
    (tmp_path / "junk.gguf").write_bytes(b"not a gguf")
    yarn = write("yarn.gguf", edit=lambda out: out.add_string("llama.rope.scaling.type", "yarn"))
    for path, says in {
        write("phi.gguf", architecture="phi3"): "architecture 'phi3' cannot be converted, only llama, qwen2",
        write("bare.gguf", tokenizer=False): "the GGUF carries no tokenizer",
        write("lacking.gguf", weights=lacking): "the tensor 'blk.0.ffn_up.weight' is missing",
        write("moe.gguf", weights={**weights, "blk.0.ffn_gate_inp.weight": np.ones((2, 32), np.float32)}): (
            "unknown tensor 'blk.0.ffn_gate_inp.weight'; this is not a plain llama decoder"
        ),
        write("freqs.gguf", weights={**weights, "rope_freqs.weight": np.ones(4, np.float32)}): (
            "scaled rotary frequencies are not supported"
        ),
        write("ints.gguf", weights={**weights, "output_norm.weight": np.ones(32, np.int8)}): (
            "tensor type I8 of output_norm.weight is not supported"
        ),
        write("few.gguf", weights={**weights, "token_embd.weight": np.ones((9, 32), np.float32)}): (
            "259 tokens but only 9 rows"
        ),
        write("half.gguf", edit=lambda out: out.add_rope_dimension_count(4)): "rotates 4 of 8 values a head",
        write("part.gguf", edit=lambda out: out.add_uint16("split.count", 3)): "one part of a split GGUF",
        yarn: "rotary scaling 'yarn' is not supported",
        cut: "not a readable GGUF file",
        tmp_path / "junk.gguf": "not a readable GGUF file",
    }.items():
        with pytest.raises(LocatorError, match=says) as caught:
            resolve(str(path), cache=tmp_path / "cache")
        assert path.name in str(caught.value)
    assert visible(tmp_path / "cache" / "bases") == []


def test_bf16_rounds_to_nearest_even_as_torch_does():
    values = np.random.default_rng(1).normal(size=10_000).astype(np.float32)
    values[:6] = [1.00390625, 1.01171875, 0.0, -0.0, np.inf, 3.4e38]  # two exact ties, and the ends
    expected = bits(torch.from_numpy(values).bfloat16())
    assert (to_bf16(values) == expected).all()
    assert torch.from_numpy(to_bf16(np.array([np.nan], np.float32))).view(torch.bfloat16).isnan().all()
