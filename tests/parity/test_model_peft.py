"""An adapter saved by danlu is what the library PEFT reads."""

import pytest
import torch

from danlu.model import PackedAttention, load, lora

pytestmark = pytest.mark.filterwarnings("ignore")
IDS = torch.arange(3, 60)


def logits(decoder):
    attend = PackedAttention([len(IDS)])
    return decoder.logits(decoder.hidden(IDS, attend.positions, attend))


@pytest.fixture
def adapted(tiny_base):
    decoder = load(tiny_base, torch.float32)
    lora.attach(decoder, rank=4, alpha=8.0, targets="all-linear", seed=0)
    for _, adapter in lora.adapters(decoder):
        torch.nn.init.normal_(adapter.lora_B, std=0.3)
    return decoder


@torch.no_grad()
def test_peft_computes_the_same_from_danlus_files(adapted, tiny_base, tmp_path):
    import peft
    import transformers

    lora.save_peft(adapted, tmp_path, str(tiny_base))
    base = transformers.AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32)
    reference = peft.PeftModel.from_pretrained(base, tmp_path)
    torch.testing.assert_close(logits(adapted), reference(IDS[None]).logits[0], rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_an_adapter_survives_save_load_and_merge(adapted, tiny_base, tmp_path):
    expected = logits(adapted)
    lora.save_peft(adapted, tmp_path, str(tiny_base))
    again = load(tiny_base, torch.float32)
    lora.load_peft(again, tmp_path)
    assert torch.equal(logits(again), expected)
    lora.merge(again)
    assert not list(lora.adapters(again))
    torch.testing.assert_close(logits(again), expected, rtol=1e-4, atol=1e-4)
