"""What is saved is what was trained, or it is refused."""

import pytest
import torch

from danlu.errors import Refusal
from danlu.hub import Resolved
from danlu.model import checkpoint, load, lora
from danlu.training import outcome


def origin(folder):
    return Resolved(folder, "hf:someone/tiny@1", "MIT", "0" * 64)


def adapted(base, size):
    decoder = load(base)
    lora.attach(decoder, rank=2, alpha=4.0, targets="all-linear", seed=0)
    for _, adapter in lora.adapters(decoder):
        torch.nn.init.normal_(adapter.lora_B, std=size, generator=torch.Generator().manual_seed(1))
    return decoder


def test_the_saved_model_is_a_checkpoint_with_the_training_in_it(tiny_base, tmp_path):
    digest = outcome.write(adapted(tiny_base, 0.3), origin(tiny_base), tmp_path, "abc")
    assert digest == checkpoint.weights_sha256(tmp_path / "model") != checkpoint.weights_sha256(tiny_base)
    assert (tmp_path / "model" / "tokenizer.json").read_bytes() == (tiny_base / "tokenizer.json").read_bytes()
    assert (tmp_path / "adapter" / "adapter_config.json").is_file()


def test_a_change_that_bf16_rounds_away_is_refused(tiny_base, tmp_path):
    with pytest.raises(Refusal) as caught:
        outcome.write(adapted(tiny_base, 1e-7), origin(tiny_base), tmp_path, "abc")
    assert caught.value.number == 13


def test_a_save_that_loses_the_adapter_is_refused(tiny_base, tmp_path, monkeypatch):
    monkeypatch.setattr(lora.LoraLinear, "merged_weight", lambda self: self.base.weight)
    with pytest.raises(Refusal, match="the adapter was lost in saving") as caught:
        outcome.write(adapted(tiny_base, 0.3), origin(tiny_base), tmp_path, "abc")
    assert caught.value.number == 13
