"""What is saved is what was trained, or it is refused."""

import json
import shutil

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


@pytest.mark.parametrize(("named", "after"), [(None, [2]), (0, [0, 2]), ([0, 1], [0, 1, 2]), (2, 2), ([2], [2])])
def test_the_saved_model_names_the_token_that_ends_a_reply(tiny_base, tmp_path, named, after):
    base = tmp_path / "base"
    shutil.copytree(tiny_base, base)
    written = {} if named is None else {"eos_token_id": named, "top_p": 0.9}
    (base / "generation_config.json").write_text(json.dumps(written))
    outcome.write(adapted(base, 0.3), origin(base), tmp_path, "abc")
    ends = json.loads((tmp_path / "model" / "generation_config.json").read_text())
    assert ends == {**written, "eos_token_id": after}


def test_a_change_that_bf16_rounds_away_is_refused(tiny_base, tmp_path):
    with pytest.raises(Refusal) as caught:
        outcome.write(adapted(tiny_base, 1e-7), origin(tiny_base), tmp_path, "abc")
    assert caught.value.number == 13


def test_a_save_that_loses_the_adapter_is_refused(tiny_base, tmp_path, monkeypatch):
    monkeypatch.setattr(lora.LoraLinear, "merged_weight", lambda self: self.base.weight)
    with pytest.raises(Refusal, match="the adapter was lost in saving") as caught:
        outcome.write(adapted(tiny_base, 0.3), origin(tiny_base), tmp_path, "abc")
    assert caught.value.number == 13
