"""The compiled kernels compute what torch's operations do, and the derivatives by hand are the derivatives."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy, rms_norm, silu

from danlu.compiler import version
from danlu.model import functions, kernels, native
from danlu.model.kernels import Layout
from danlu.model.rope import Rope, RopeConfig

compiled = pytest.mark.skipif(native.library() is None, reason="no C compiler here: there are no compiled kernels")


def made(*shape, seed=0, dtype=torch.bfloat16):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def both(monkeypatch, compute):
    """What the compiled kernel says, and what torch says of the same numbers in fp32."""
    fast = compute(lambda x: x.clone())
    with monkeypatch.context() as patch:
        patch.setattr(native, "library", lambda: None)
        exact = compute(lambda x: x.float() if x.is_floating_point() else x)
    as_tuple = (lambda x: x) if isinstance(fast, tuple) else (lambda x: (x,))
    return zip(as_tuple(fast), as_tuple(exact), strict=True)


def assert_rounded(fast, exact):
    """No more than one rounding to bf16 (2^-8 of the value) apart, and a little of fp32."""
    torch.testing.assert_close(fast.float(), exact.float(), rtol=2**-8, atol=1e-5)


def rope(tokens, width):
    return Rope.at(torch.arange(tokens), RopeConfig().frequencies(width), torch.bfloat16)


@compiled
@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (33, 64), (5, 576), (2, 3, 65)])
@pytest.mark.parametrize("threads", [1, 2])
def test_norm_and_its_gradients_are_torchs(monkeypatch, shape, threads):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    x, weight, grad = made(*shape, seed=1), made(shape[-1], seed=2), made(*shape, seed=3)

    def compute(cast):
        out, inverse = kernels.norm(cast(x), cast(weight), 1e-5)
        into_x = kernels.norm_grad(cast(grad), cast(x), cast(weight), inverse)
        return out, inverse, into_x, kernels.norm_weight_grad(cast(grad), cast(x), inverse)

    for fast, exact in both(monkeypatch, compute):
        assert_rounded(fast, exact)


@compiled
def test_swiglu_and_its_gradients_are_torchs_from_the_smallest_to_the_largest(monkeypatch):
    gate = torch.cat([made(1000), torch.tensor([0.0, 100.0, -100.0, 1e9, -1e9, float("inf")]).bfloat16()])
    up, grad = made(len(gate), seed=1), made(len(gate), seed=2)
    finite = slice(0, len(gate) - 1)
    for fast, exact in both(monkeypatch, lambda cast: kernels.swiglu(cast(gate), cast(up))):
        assert_rounded(fast, exact)
    compute = lambda cast: kernels.swiglu_grad(cast(grad[finite]), cast(gate[finite]), cast(up[finite]))  # noqa: E731
    for fast, exact in both(monkeypatch, compute):
        torch.testing.assert_close(fast.float(), exact, rtol=2**-7, atol=1e-4)


@compiled
@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 20), min_size=1, max_size=4), st.sampled_from([(4, 4), (6, 2), (3, 1)]), st.booleans())
def test_a_layout_there_and_back_is_the_stream(lengths, heads, rotated):
    total = sum(lengths)
    layout = Layout.of(torch.arange(total).split(lengths), lengths, torch.zeros(total, dtype=torch.bool))
    turn, stream = rope(total, 16) if rotated else None, made(total, heads[0], 16)
    laid = kernels.gather(layout.token, stream, heads[1], turn)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "library", lambda: None)
        expected = kernels.gather(layout.token, stream, heads[1], turn)
    torch.testing.assert_close(laid, expected, rtol=2**-6, atol=0.02)
    back = torch.full_like(stream, float("nan"))
    kernels.scatter(laid, layout.own, turn, back)
    torch.testing.assert_close(back, stream, rtol=2**-6, atol=0.02)


@compiled
@pytest.mark.parametrize(("first", "queries", "shared"), [(0, 1, 1), (0, 5, 3), (64, 33, 2)])
def test_causal_softmax_and_its_gradient_are_torchs(monkeypatch, first, queries, shared):
    scores = made(3, queries * shared, first + queries) * 30
    error = made(*scores.shape, seed=1)

    def compute(cast):
        probabilities = kernels.causal_softmax(cast(scores), first, shared, 0.3)
        return probabilities, kernels.softmax_grad(cast(error), probabilities, 0.3)

    (fast, exact), (fast_grad, exact_grad) = both(monkeypatch, compute)
    assert_rounded(fast, exact)
    torch.testing.assert_close(fast_grad.float(), exact_grad, rtol=2**-5, atol=4e-3)  # from rounded probabilities


@compiled
def test_cross_entropy_and_its_gradient_are_torchs(monkeypatch):
    logits, targets = made(17, 1003) * 20, torch.arange(17) * 59
    (loss, exact_loss), (error, exact_error) = both(
        monkeypatch, lambda cast: kernels.cross_entropy(cast(logits), targets)
    )
    torch.testing.assert_close(loss, exact_loss)
    assert_rounded(error, exact_error)
    torch.testing.assert_close(exact_loss, cross_entropy(logits.float(), targets, reduction="none"))


@compiled
@settings(max_examples=30, deadline=None)
@given(st.integers(0, 40), st.integers(1, 90), st.sampled_from([1, 2]))
def test_a_result_depends_neither_on_its_place_nor_on_threads(start, count, threads):
    gate, up, weight = made(200), made(200, seed=1), made(33, seed=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "get_num_threads", lambda: threads)
        part = kernels.swiglu(gate[start : start + count].clone(), up[start : start + count].clone())
        rows = kernels.norm(made(200, 33)[start : start + count].clone(), weight, 1e-5)[0]
    assert torch.equal(part, kernels.swiglu(gate, up)[start : start + count])
    assert torch.equal(rows, kernels.norm(made(200, 33), weight, 1e-5)[0][start : start + count])


@compiled
def test_what_is_not_a_number_stays_one():
    x = made(4, 32)
    x[1, 3] = float("nan")
    out, _ = kernels.norm(x, torch.ones(32).bfloat16(), 1e-5)
    assert out.isnan().any(1).tolist() == [False, True, False, False]
    assert kernels.swiglu(x, x).isnan().any(1).tolist() == [False, True, False, False]
    loss, _ = kernels.cross_entropy(x, torch.zeros(4, dtype=torch.long))
    assert loss.isnan().tolist() == [False, True, False, False]


def test_derivatives_by_hand_are_the_derivatives():
    x, weight, up = (
        made(*s, dtype=torch.float64, seed=n).requires_grad_() for n, s in enumerate([(3, 6), (6,), (3, 6)])
    )
    assert torch.autograd.gradcheck(lambda *a: functions.norm(*a, 1e-6), (x, weight))
    assert torch.autograd.gradcheck(functions.swiglu, (x, up))
    torch.testing.assert_close(functions.norm(x, weight, 1e-6), rms_norm(x, (6,), weight, 1e-6))
    torch.testing.assert_close(functions.swiglu(x, up), silu(x) * up)


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """An empty cache, and nothing remembered of another test's library."""
    monkeypatch.setenv("DANLU_CACHE", str(tmp_path))
    native.library.cache_clear()
    yield tmp_path
    native.library.cache_clear()


@pytest.mark.parametrize("compiler", ["no-such-compiler", "false"])
def test_without_a_compiler_that_works_torch_does_the_work(monkeypatch, fresh, compiler):
    monkeypatch.setenv("CC", compiler)
    assert native.library() is None
    assert kernels.swiglu(made(4), made(4)).shape == (4,)


@compiled
def test_the_library_is_compiled_once(fresh):
    assert native.library() is not None
    (made_once,) = (fresh / "compiled").iterdir()
    before = made_once.stat().st_mtime_ns
    native.library.cache_clear()
    assert native.library() is not None
    assert made_once.stat().st_mtime_ns == before


def test_one_may_do_without_it(monkeypatch, fresh):
    monkeypatch.setenv("DANLU_NATIVE", "0")
    assert version() == "none"
    assert native.library() is None
