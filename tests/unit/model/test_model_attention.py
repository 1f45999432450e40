"""Attention in blocks is attention: torch's own kernel is the reference, in value and gradient."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import scaled_dot_product_attention

from danlu.model import causal
from danlu.model.kernels import Layout
from danlu.model.rope import Rope


def made(*shape, dtype=torch.float64, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype).requires_grad_()


def reference(q, k, v):
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    return scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True).transpose(1, 2)


def ours(q, k, v):
    """Documents of one length, q (N, L, H, K), without rotation."""
    count, length, _, width = q.shape
    still = Rope(torch.ones(count * length, width, dtype=q.dtype), torch.zeros(count * length, width, dtype=q.dtype))
    documents = torch.arange(count * length).split(length)
    layout = Layout.of(documents, [length] * count, torch.zeros(count * length, dtype=torch.bool))
    return causal.attend(*(x.flatten(0, 1) for x in (q, k, v)), still, [layout]).unflatten(0, (count, length))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 3), st.integers(1, 200), st.sampled_from([(4, 4), (4, 2), (6, 2), (3, 1)]))
def test_blocks_give_torchs_attention_and_its_gradients(documents, length, heads):
    queries, groups = heads
    q, k, v = (made(documents, length, n, 8, seed=i) for i, n in enumerate((queries, groups, groups)))
    seen, expected = ours(q, k, v), reference(q, k, v)
    torch.testing.assert_close(seen, expected)
    weight = made(*seen.shape, seed=4).detach()
    found, expected = (torch.autograd.grad(x, (q, k, v), weight) for x in (seen, expected))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


def test_the_backward_pass_is_the_derivative(monkeypatch):
    monkeypatch.setattr(causal, "_BLOCK", 3)
    assert torch.autograd.gradcheck(ours, [made(2, 7, n, 4, seed=n) for n in (4, 2, 2)])


@pytest.mark.parametrize("length", [63, 64, 65, 300])
def test_in_bf16_it_errs_no_more_than_torchs_kernel(length):
    exact = [made(2, length, n, 64, dtype=torch.float32, seed=n).detach() for n in (9, 3, 3)]
    expected = reference(*exact)
    rounded = [x.bfloat16() for x in exact]
    own, theirs = ((f(*rounded).float() - expected).norm() for f in (ours, reference))
    assert own < 1.5 * theirs
