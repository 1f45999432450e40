"""The decoder's promises: packing is invisible, adapters start at nothing, checkpoints are checked."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from danlu.errors import CheckpointError, Refusal
from danlu.model import DecoderConfig, PackedAttention, load, lora, weights_sha256
from danlu.model.rope import Rope, RopeConfig


def hidden(decoder, ids, lengths, **options):
    attend = PackedAttention(lengths)
    return decoder.hidden(ids, attend.positions, attend, **options)


def attended(lengths, q, k, v):
    """Each document by itself, rotated by its own positions."""
    attend = PackedAttention(lengths)
    return attend(0, q, k, v, Rope.at(attend.positions, RopeConfig().frequencies(q.shape[-1]), q.dtype))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=8), st.integers(0, 9))
def test_packed_attention_equals_attention_document_by_document(lengths, seed):
    draw = torch.Generator().manual_seed(seed)
    total = sum(lengths)
    q, k, v = (torch.randn(total, heads, 8, generator=draw, dtype=torch.float64) for heads in (4, 2, 2))
    packed = attended(lengths, q, k, v)
    parts = zip(lengths, *(x.split(lengths) for x in (q, k, v)), strict=True)
    alone = [attended([n], *part) for n, *part in parts]
    torch.testing.assert_close(packed, torch.cat(alone))


def test_gradients_flow_inside_documents_only():
    lengths = [5, 3, 6]
    q, k, v = (torch.randn(14, 2, 4, dtype=torch.float64, requires_grad=True) for _ in range(3))
    assert torch.autograd.gradcheck(lambda *x: attended(lengths, *x), (q, k, v))
    attended(lengths, q, k, v)[5:8].sum().backward()
    touched = v.grad.abs().sum((1, 2)) > 0
    assert touched.tolist() == [False] * 5 + [True] * 3 + [False] * 6


def test_recomputing_layers_changes_no_gradient(tiny_base):
    gradients = []
    for recompute in (False, True):
        decoder = load(tiny_base, torch.float32).requires_grad_(True)
        hidden(decoder, torch.arange(20), [12, 8], recompute=recompute).square().sum().backward()
        gradients.append([p.grad for p in decoder.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


def test_a_fresh_adapter_changes_nothing_and_alone_is_trained(tiny_base):
    decoder, plain = load(tiny_base), load(tiny_base)
    lora.attach(decoder, rank=2, alpha=4.0, targets="attention", seed=0)
    ids = torch.arange(9)
    assert torch.equal(hidden(decoder, ids, [9]), hidden(plain, ids, [9]))
    trained = {name.rpartition(".")[2] for name, p in decoder.named_parameters() if p.requires_grad}
    assert trained == {"lora_A", "lora_B"}
    assert len(list(lora.adapters(decoder))) == 2 * 4
    assert all(p.dtype == torch.float32 for p in decoder.parameters() if p.requires_grad)


def test_a_lost_adapter_is_refused():
    draw = torch.Generator().manual_seed(0)
    base = torch.randn(4, 9, generator=draw)
    trained = base + 0.1
    lora.check_kept(base, trained, trained + 0.001, Path("model"))
    with pytest.raises(Refusal, match="the adapter was lost in saving") as caught:
        lora.check_kept(base, trained, base, Path("model"))
    assert caught.value.number == 13
    with pytest.raises(Refusal, match="nothing was learned"):
        lora.check_kept(base, base, base, Path("model"))


@pytest.fixture
def copy(tiny_base, tmp_path):
    return Path(shutil.copytree(tiny_base, tmp_path / "copy"))


def test_a_checkpoint_that_does_not_fit_is_named_tensor_by_tensor(copy):
    weights = copy / "model.safetensors"
    good = load_file(weights)
    for change, says in (
        ({"model.norm.weight": None}, "1 tensors are missing, the first is 'model.norm.weight'"),
        ({"model.norm.weight": torch.ones(3)}, r"model.norm.weight has shape \(3,\), but config.json"),
        ({"vision.weight": torch.ones(3)}, "unknown tensor 'vision.weight'"),
    ):
        save_file({k: v for k, v in (good | change).items() if v is not None}, weights)
        with pytest.raises(CheckpointError, match=says):
            load(copy)
    weights.write_bytes(b"junk")
    with pytest.raises(CheckpointError, match="not a readable safetensors file"):
        load(copy)
    weights.unlink()
    with pytest.raises(CheckpointError, match=r"no \.safetensors file"):
        load(copy)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"model_type": "mamba"}, "danlu's decoder knows llama, mistral, qwen2, qwen3"),
        ({"hidden_act": "gelu"}, "hidden_act='gelu'"),
        ({"rope_scaling": {"rope_type": "longrope"}}, "rope scaling 'longrope' is not supported"),
        ({"vocab_size": None}, "no 'vocab_size'"),
        ({"model_type": "mistral", "sliding_window": 64}, "sliding window of 64 below its 256"),
    ],
)
def test_a_configuration_that_cannot_be_computed_exactly_is_refused(tiny_base, change, says):
    config = json.loads((tiny_base / "config.json").read_text()) | change
    with pytest.raises(CheckpointError, match=says):
        DecoderConfig.from_hf({k: v for k, v in config.items() if v is not None})


def test_the_hash_of_the_weights_sees_one_changed_number(copy):
    before = weights_sha256(copy)
    state = load_file(copy / "model.safetensors")
    state["model.norm.weight"][0] += 1
    save_file(state, copy / "model.safetensors")
    assert weights_sha256(copy) != before
