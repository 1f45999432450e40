"""The engine: cached equals uncached, nobody's tokens depend on who is beside them, scores are log-softmax."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from danlu.errors import DanluError
from danlu.generation import Engine, Sampling
from danlu.generation.sample import choose, source
from danlu.model import PackedAttention

prompts_of = st.lists(st.lists(st.integers(3, 258), min_size=1, max_size=40), min_size=1, max_size=9)
HOT = 30.0  # the tiny model is very sure of itself
engines = {}


@pytest.fixture(params=["fp32", "bf16"])
def engine(request, tiny_base):
    return Engine.from_folder(tiny_base, batch=4, precision=request.param)


def same(some, others):
    """The same tokens and log-probabilities, to the bit."""
    for one, other in zip(some, others, strict=True):
        assert (one.ids, one.text, one.finish_reason) == (other.ids, other.text, other.finish_reason)
        assert one.logprobs == other.logprobs


def uncached(engine, prompt, count):
    """Greedy, with the whole sequence computed again for each token."""
    ids = list(prompt)
    for _ in range(count):
        attend = PackedAttention([len(ids)])
        hidden = engine.decoder.hidden(torch.tensor(ids), attend.positions, attend)
        ids.append(int(engine.decoder.logits(hidden[-1:]).argmax()))
        if ids[-1] in engine.stop_ids:
            break
    return ids[len(prompt) :]


@settings(max_examples=20, deadline=None)
@given(prompts=prompts_of)
def test_cached_and_uncached_decoding_agree(tiny_base, prompts):
    engine = engines.setdefault("fp32", Engine.from_folder(tiny_base, batch=4, precision="fp32"))
    done = engine.generate(prompts, Sampling(max_new_tokens=6))
    for prompt, completion in zip(prompts, done, strict=True):
        assert list(completion.ids) == uncached(engine, prompt, 6)


@pytest.mark.parametrize("temperature", [0.0, HOT])
def test_results_do_not_depend_on_the_batch(engine, tiny_base, temperature):
    draw = torch.Generator().manual_seed(1)
    head = torch.randint(3, 259, (30,), generator=draw).tolist()
    prompts = [
        head[: 30 - 7 * (i % 2)] + torch.randint(3, 259, (1 + 5 * i,), generator=draw).tolist() for i in range(9)
    ]
    sampling = Sampling(max_new_tokens=20, temperature=temperature, seed=3)
    together = engine.generate(prompts, sampling)
    for batch in (1, 3, 9, 32):
        engine.batch = batch
        same(engine.generate(prompts, sampling), together)
    if temperature == 0:
        same([engine.generate([prompt], sampling)[0] for prompt in prompts], together)


def test_a_shared_beginning_changes_nothing(engine):
    head = list(range(3, 63))
    prompts = [[*head, 100 + i] for i in range(6)]
    shared = engine.generate(prompts, Sampling(max_new_tokens=12))
    apart = [engine.generate([prompt], Sampling(max_new_tokens=12))[0] for prompt in prompts]
    same(shared, apart)


def test_scores_are_log_softmax_whatever_stands_beside_them(tiny_base):
    engine = Engine.from_folder(tiny_base, precision="fp32")
    draw = torch.Generator().manual_seed(2)
    ids = lambda n: torch.randint(3, 259, (n,), generator=draw).tolist()  # noqa: E731
    requests = [(ids(1 + 7 * i), [ids(n) for n in (3, 1, 5)[: 1 + i % 3]]) for i in range(6)]
    scored = engine.score(requests)
    for (context, continuations), results in zip(requests, scored, strict=True):
        for continuation, result in zip(continuations, results, strict=True):
            whole = torch.tensor(context + continuation)
            attend = PackedAttention([len(whole)])
            logits = engine.decoder.logits(engine.decoder.hidden(whole, attend.positions, attend)).log_softmax(-1)
            wanted = logits[len(context) - 1 : -1].gather(1, whole[len(context) :, None]).sum().item()
            assert result.logprob == pytest.approx(wanted, abs=1e-4)
            assert result.num_tokens == len(continuation)
    for request, results in zip(requests, scored, strict=True):
        alone = [result.logprob for result in engine.score([request])[0]]
        assert alone == pytest.approx([result.logprob for result in results], abs=1e-4)


def test_logprobs_are_those_of_scoring(tiny_base):
    engine = Engine.from_folder(tiny_base, precision="fp32")
    (done,) = engine.generate([[5, 6, 7]], Sampling(max_new_tokens=9, temperature=HOT, seed=4))
    ((scored,),) = engine.score([([5, 6, 7], [list(done.ids)])])
    assert sum(done.logprobs) == pytest.approx(scored.logprob, abs=1e-4)


def test_a_reply_ends_at_a_stop_id_a_stop_text_or_its_length(engine):
    first = engine.generate([[5, 6, 7]], Sampling(max_new_tokens=10))[0]
    assert first.finish_reason == "length" and len(first.ids) == 10
    engine.stop_ids = frozenset({first.ids[3]})
    stopped = engine.generate([[5, 6, 7]], Sampling(max_new_tokens=10))[0]
    assert stopped.finish_reason == "stop" and stopped.ids == first.ids[: first.ids.index(first.ids[3]) + 1]
    engine.stop_ids = frozenset()
    readable = engine.generate([[5, 6, 7]], Sampling(max_new_tokens=40, temperature=HOT, seed=1))[0]
    word = readable.text[4:6]
    cut = engine.generate([[5, 6, 7]], Sampling(max_new_tokens=40, temperature=HOT, seed=1, stop=(word,)))[0]
    assert cut.text == readable.text[: readable.text.find(word)]
    assert cut.ids == readable.ids[: len(cut.ids)] and cut.finish_reason == "stop"


def test_the_same_seed_draws_the_same_and_another_does_not(engine):
    draw = lambda seed: engine.generate([[5, 6]] * 3, Sampling(max_new_tokens=12, temperature=HOT, seed=seed))  # noqa: E731
    assert draw(1) == draw(1) != draw(2)
    assert len({c.ids for c in draw(1)}) == 3, "requests of one call draw apart"


def test_streamed_tokens_are_those_of_generate(engine):
    sampling = Sampling(max_new_tokens=8, temperature=HOT, seed=5)
    assert tuple(engine.stream([5, 6, 7], sampling)) == engine.generate([[5, 6, 7]], sampling)[0].ids


def test_cuts_keep_what_they_say():
    logits = torch.log(torch.tensor([0.5, 0.3, 0.15, 0.05]))

    def seen(**settings):
        draws = source(Sampling(seed=1), 0)
        return {choose(logits, Sampling(temperature=1, **settings), draws) for _ in range(400)}

    assert seen() == {0, 1, 2, 3}
    assert seen(top_p=0.8) == {0, 1}
    assert seen(top_p=0.81) == {0, 1, 2}
    assert seen(min_p=0.2) == {0, 1, 2}
    assert seen(top_p=0.01) == {0}


def test_draws_follow_the_shares():
    shares = torch.tensor([0.6, 0.3, 0.1])
    draws = source(Sampling(seed=1), 0)
    drawn = [choose(shares.log(), Sampling(temperature=1), draws) for _ in range(4000)]
    for token, share in enumerate(shares.tolist()):
        assert drawn.count(token) / 4000 == pytest.approx(share, abs=0.03)


def test_what_the_context_cannot_hold_is_said(engine):
    with pytest.raises(DanluError, match=r"item 2: 250 tokens of prompt and 10 to come are more than .* 256 positions"):
        engine.generate([[5], [5] * 250], Sampling(max_new_tokens=10))
    with pytest.raises(DanluError, match="item 1: the prompt is empty"):
        engine.generate([[]], Sampling())
    with pytest.raises(DanluError, match="item 1: context and continuation have 300 tokens"):
        engine.score([([5] * 299, [[6]])])
    with pytest.raises(DanluError, match="item 1: the context is empty"):
        engine.score([([], [[6]])])


def test_settings_out_of_range_are_said():
    with pytest.raises(DanluError, match="top_p is 0"):
        Sampling(top_p=0)


def test_new_weights_of_the_same_shape_are_taken(engine, tiny_base):
    before = engine.generate([[5, 6, 7]], Sampling(max_new_tokens=5))
    with torch.no_grad():
        engine.decoder.model.norm.weight.data = -engine.decoder.model.norm.weight.data
    assert engine.generate([[5, 6, 7]], Sampling(max_new_tokens=5)) != before
    engine.take_weights(tiny_base)
    assert engine.generate([[5, 6, 7]], Sampling(max_new_tokens=5)) == before


def test_a_cache_that_would_be_too_large_runs_fewer_at_a_time(engine, monkeypatch):
    prompts = [[5, 6, 7 + i] for i in range(7)]
    wanted = engine.generate(prompts, Sampling(max_new_tokens=9))
    monkeypatch.setattr("danlu.generation.engine._CACHE_BYTES", 1)
    same(engine.generate(prompts, Sampling(max_new_tokens=9)), wanted)


@settings(max_examples=20, deadline=None)
@given(prompts=prompts_of, batch=st.integers(1, 12), seed=st.integers(0, 3))
def test_any_batch_gives_the_same_bits(tiny_base, prompts, batch, seed):
    engine = engines.setdefault("bf16", Engine.from_folder(tiny_base))
    engine.stop_ids = frozenset(range(0, 259, 9))  # replies of many lengths, so that slots change hands
    sampling = Sampling(max_new_tokens=12, temperature=HOT, seed=seed)
    engine.batch = 4
    wanted = engine.generate(prompts, sampling)
    engine.batch = batch
    same(engine.generate(prompts, sampling), wanted)


def test_attention_too_small_for_onednn_gives_the_same_bits_in_any_batch(tiny_base):
    engine = Engine.from_folder(tiny_base)  # one sequence's products are under torch's threshold, three are above
    engine.stop_ids = frozenset(range(0, 259, 9))
    prompts = [[5], [63, 246, 191, 69, 127, 222, 18, 225, 39, 100, 39, 157, 225], [3, 3]]
    sampling = Sampling(max_new_tokens=12, temperature=HOT, seed=1)
    wanted = engine.generate(prompts, sampling)
    for batch in (1, 2, 3):
        engine.batch = batch
        same(engine.generate(prompts, sampling), wanted)


def test_scores_do_not_depend_on_the_other_requests(engine):
    draw = torch.Generator().manual_seed(3)
    ids = lambda n: torch.randint(3, 259, (n,), generator=draw).tolist()  # noqa: E731
    requests = [(ids(1 + 11 * i), [ids(n) for n in (3, 1, 30)[: 1 + i % 3]]) for i in range(9)]
    assert engine.score(requests) == [engine.score([request])[0] for request in requests]


def test_many_continuations_are_scored_in_parts(tiny_base, monkeypatch):
    engine = Engine.from_folder(tiny_base, precision="fp32")
    request = ([5, 6, 7], [[8 + i, 9, 10] for i in range(20)])
    whole = engine.score([request])[0]
    monkeypatch.setattr("danlu.generation.score._BESIDE", 7)
    parts = engine.score([request])[0]
    assert [s.num_tokens for s in parts] == [3] * 20
    assert [s.logprob for s in parts] == pytest.approx([s.logprob for s in whole], abs=1e-5)


def test_a_stop_token_that_spells_text_is_no_part_of_the_text(engine):
    first = engine.generate([[5, 6, 7]], Sampling(max_new_tokens=10, temperature=HOT, seed=2))[0]
    engine.stop_ids = frozenset(first.ids[4:5])
    stopped = engine.generate([[5, 6, 7]], Sampling(max_new_tokens=10, temperature=HOT, seed=2))[0]
    assert stopped.text == engine.tokenizer.decode(stopped.ids[:-1]) != engine.tokenizer.decode(stopped.ids)


def test_a_token_that_the_embedding_has_no_row_for_is_refused(engine):
    for ask in (lambda: engine.generate([[3, 259]], Sampling()), lambda: engine.score([([3], [[4], [300]])])):
        with pytest.raises(DanluError, match="has no row in the embedding, which has 259"):
            ask()
