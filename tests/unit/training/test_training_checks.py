"""A token that the base never learned is found before anything is spent on it."""

import pytest
import torch
from training_material import config, documents

from danlu.errors import CheckpointError
from danlu.model import load
from danlu.recipe import FullWeights
from danlu.tokens import Shards, write_shards
from danlu.training import checks


@pytest.fixture
def shards(tmp_path):
    write_shards(tmp_path, [list(documents(9))], {})
    return Shards(tmp_path)


@pytest.mark.parametrize("fresh", ["zero", "mean"])
def test_a_token_whose_embedding_lora_would_leave_untrained_is_refused(tiny_base, shards, fresh):
    decoder = load(tiny_base)
    checks.check_embeddings(config(), decoder, shards)
    weight = decoder.model.embed_tokens.weight
    token = int(shards.pack(0)[3].ids[1])
    draw = torch.Generator().manual_seed(0)
    near = weight.mean(0) + 1e-5 * torch.randn(weight.shape[1], generator=draw)
    with torch.no_grad():
        weight[token] = 0 if fresh == "zero" else near.to(weight.dtype)
    with pytest.raises(CheckpointError, match=f"holds token {token}, whose embedding was never trained"):
        checks.check_embeddings(config(), decoder, shards)
    checks.check_embeddings(config(adapter=FullWeights()), decoder, shards)


def test_an_untrained_token_that_no_row_holds_is_nobodys_concern(tiny_base, shards):
    decoder = load(tiny_base)
    with torch.no_grad():
        decoder.model.embed_tokens.weight[:3] = 0  # special tokens, which these documents do not hold
    checks.check_embeddings(config(), decoder, shards)
