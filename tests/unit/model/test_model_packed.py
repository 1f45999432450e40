"""Packed weights and the cache for inference: faster and bounded, and the same to the bit."""

import pytest
import torch
from torch.nn.functional import pad

from danlu.model import load
from danlu.model.attention import PackedAttention
from danlu.model.cached import Cache, PrefillAttention, SharedContext, filling
from danlu.model.packed import pack

ids = torch.randint(3, 259, (150,), generator=torch.Generator().manual_seed(1))


def logits(decoder, attend, length):
    with torch.inference_mode():
        return decoder.logits(decoder.hidden(ids[:length], attend.positions, attend))


@pytest.mark.parametrize("rows", [1, 4, 33, 150])
def test_packed_weights_give_the_same_bits(tiny_base, rows):
    plain, packed = load(tiny_base), pack(load(tiny_base))
    assert torch.equal(
        logits(plain, PackedAttention([rows]), rows),
        logits(packed, PackedAttention([rows]), rows),
    )


@pytest.mark.parametrize("cut", [1, 63, 64, 65, 128, 149])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_a_prompt_read_in_two_pieces_gives_the_same_bits(tiny_base, cut, dtype):
    decoder = load(tiny_base, dtype)

    def read(*pieces):
        cache, found, start = Cache(decoder.config, 1, dtype), [], 0
        for end in pieces:
            attend = PrefillAttention(cache, [0], [start], [end - start])
            more = (0, filling(end - start, dtype))
            with torch.inference_mode():
                hidden = decoder.hidden(pad(ids[start:end], more), pad(attend.positions, more), attend)
            found.append(hidden[: end - start])
            start = end
        return torch.cat(found)

    assert torch.equal(read(150), read(cut, 150))


def test_scores_of_long_requests_are_computed_in_blocks_and_alike(tiny_base, monkeypatch):
    decoder = load(tiny_base, torch.float32)
    request = [(100, [20, 30])]
    whole = logits(decoder, SharedContext(request), 150)
    monkeypatch.setattr("danlu.model.cached._SCORES", 5000)
    assert torch.equal(logits(decoder, SharedContext(request), 150), whole)


def test_a_slot_takes_what_is_said(tiny_base):
    decoder = load(tiny_base)
    cache = Cache(decoder.config, 3, torch.bfloat16)
    cache.grow(70)
    held = sum(x.numel() * x.element_size() for x in cache.keys + cache.values)
    assert held == 3 * Cache.slot_bytes(decoder.config, torch.bfloat16, 70)
