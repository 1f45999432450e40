"""What documents begin with alike is computed once, and loss and gradient are those of each alone."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from danlu.model import load, lora
from danlu.tokens import Document
from danlu.training.batches import MicroBatch
from danlu.training.gradient import gradient


def document(number, *, system, length, supervised=0.5):
    draw = np.random.default_rng([number, length])
    ids = np.concatenate((np.arange(10, 10 + system), draw.integers(60, 90, length))).astype(np.int32)
    mask = draw.random(len(ids)) < supervised
    mask[-1] = True
    return Document(ids, mask, "made", f"made:{number}")


def gradients(decoder, batch, count):
    decoder.zero_grad()
    loss = gradient(decoder, batch, count=count)
    return loss, {name: p.grad.clone() for name, p in decoder.named_parameters() if p.grad is not None}


def test_the_beginning_stands_in_the_row_once():
    micro = MicroBatch.of([document(n, system=20, length=5 + n) for n in range(3)])
    assert micro.lengths == (25, 6, 7)
    assert micro.beginnings == (None, slice(0, 20), slice(0, 20))
    attend = micro.attention()
    assert [len(tokens) for tokens in attend.documents] == [25, 26, 27]
    assert attend.positions.tolist() == [*range(25), *range(20, 26), *range(20, 27)]


def test_documents_that_begin_otherwise_keep_their_own_row():
    micro = MicroBatch.of([document(0, system=20, length=5), document(1, system=0, length=30)])
    assert micro.lengths == (25, 30)
    assert micro.beginnings == (None, None)


def test_a_copy_keeps_a_token_of_its_own():
    whole = document(0, system=20, length=5)
    assert MicroBatch.of([whole, whole]).lengths == (25, 1)


@pytest.mark.parametrize("adapter", ["lora", "full"])
@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0, 8, 20, 40]), st.integers(2, 90)), min_size=2, max_size=7), st.booleans())
def test_loss_and_gradient_are_those_of_each_document_alone(tiny_base, adapter, shapes, recompute):
    decoder = load(tiny_base, torch.float32)
    if adapter == "lora":
        lora.attach(decoder, 2, 4.0, "all-linear", 0)
        for _, one in lora.adapters(decoder):
            one.lora_B.data.normal_(generator=torch.Generator().manual_seed(1))
    else:
        decoder.requires_grad_(True)
    documents = [document(n, system=system, length=length) for n, (system, length) in enumerate(shapes)]
    together, alone = MicroBatch.of(documents), [MicroBatch.of([d]) for d in documents]
    count = len(together.targets)
    assert count == sum(int(d.mask[1:].sum()) for d in documents) == len(together.predicting)
    loss, found = gradients(decoder, [together], count)
    expected_loss, expected = gradients(decoder, alone, count)
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    assert found.keys() == expected.keys()
    for name, one in found.items():
        torch.testing.assert_close(one, expected[name], rtol=1e-3, atol=1e-5, msg=name)
