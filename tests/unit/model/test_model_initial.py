"""Fresh weights are the same for a seed, are a checkpoint that transformers reads, and know what counts tell."""

import json
import math

import pytest
import torch

from danlu.model import DecoderConfig, PackedAttention, load
from danlu.model.bigram import count, fit, smooth
from danlu.model.initial import initial, write_initial
from danlu.recipe import FreshBase
from danlu.recipe.scratch import Shape

SHAPE = Shape.of(FreshBase(depth=2, vocab_size=320, width=64, start="random"))
COUNTED = Shape.of(FreshBase(depth=2, vocab_size=320, width=64, start="bigrams"))


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


@pytest.mark.parametrize("shape", [SHAPE, COUNTED], ids=["tied", "untied"])
def test_transformers_reads_the_checkpoint_alike(shape, tmp_path):
    from transformers import AutoModelForCausalLM

    (tmp_path / "config.json").write_text(json.dumps(shape.config(64, 0)))
    write_initial(tmp_path, 0, [[0, 5, 6, 7, 5, 6, 0]] if shape is COUNTED else None)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    ids = [1, 2, 3, 200, 319]
    with torch.no_grad():
        expected = theirs(torch.tensor([ids])).logits[0]
    torch.testing.assert_close(logits(load(tmp_path, torch.float32), ids), expected, atol=1e-4, rtol=1e-4)


def test_counts_are_within_documents():
    counts = count([[1, 2, 1, 2], [2, 3]], 4)
    assert counts[1, 2] == 2
    assert counts[2].tolist() == [0, 1, 0, 1]
    assert counts.sum() == 4


def test_smoothed_counts_are_distributions_that_rule_nothing_out():
    rows = smooth(count([[1, 2, 1, 2, 3]], 6))
    torch.testing.assert_close(rows.sum(1), torch.ones(6))
    assert (rows > 0).all()
    assert rows[1].argmax() == 2


def test_a_head_start_predicts_what_follows_before_any_step():
    generator = torch.Generator().manual_seed(0)
    follows = torch.randperm(320, generator=generator).tolist()
    documents = []
    for start in range(320):
        ids = [start]
        for _ in range(8):
            ids.append(follows[ids[-1]])
        documents.append(ids)
    decoder = initial(config(COUNTED), 0, count(documents, 320))
    loss = torch.nn.functional.cross_entropy(logits(decoder, documents[7][:-1]), torch.tensor(documents[7][1:]))
    assert loss.item() < 0.6 * math.log(320)


def test_a_fit_comes_out_the_same():
    counts = count([[1, 2, 3, 1, 2, 4]], 8)
    for one, other in zip(fit(counts, 16, 0), fit(counts, 16, 0), strict=True):
        assert torch.equal(one, other)
