"""Fresh weights are the same for a seed, and are a checkpoint that transformers reads."""

import json
import math

import pytest
import torch

from danlu.model import DecoderConfig, PackedAttention, load
from danlu.model.initial import initial, write_initial
from danlu.recipe import FreshBase
from danlu.recipe.scratch import Shape

SHAPE = Shape.of(FreshBase(depth=2, vocab_size=320, width=64))


def config(shape):
    return DecoderConfig.from_hf(shape.config(64, 0))


def logits(decoder, ids):
    attend = PackedAttention([len(ids)])
    with torch.no_grad():
        return decoder.logits(decoder.hidden(torch.tensor(ids), attend.positions, attend)).float()


def test_a_seed_names_the_weights():
    first, again, other = (initial(config(SHAPE), seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["model.embed_tokens.weight"], other["model.embed_tokens.weight"])
    assert sum(value.numel() for value in first.values()) == SHAPE.num_parameters


def test_a_fresh_model_is_as_unsure_as_its_vocabulary_is_large():
    loss = torch.nn.functional.cross_entropy(logits(initial(config(SHAPE), 0), list(range(64))), torch.arange(1, 65))
    assert loss.item() == pytest.approx(math.log(320), abs=0.5)


@pytest.mark.parametrize("tied", [True, False])
def test_transformers_reads_the_checkpoint_alike(tied, tmp_path):
    from transformers import AutoModelForCausalLM

    (tmp_path / "config.json").write_text(json.dumps({**SHAPE.config(64, 0), "tie_word_embeddings": tied}))
    write_initial(tmp_path, 0)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    ids = [1, 2, 3, 200, 319]
    with torch.no_grad():
        expected = theirs(torch.tensor([ids])).logits[0]
    torch.testing.assert_close(logits(load(tmp_path, torch.float32), ids), expected, atol=1e-4, rtol=1e-4)
