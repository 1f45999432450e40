"""serving/: the physics that every prediction must obey, and words that say it."""

import dataclasses
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from danlu.compute import architecture
from danlu.compute.catalogue import Cluster, find
from danlu.compute.serving import (
    FORMATS,
    SERVING,
    Load,
    Question,
    Split,
    decode_step_s,
    engine_of,
    explain,
    format_of,
    memory,
    prefill_s,
    serve,
    throughput,
    tpot,
    ttft,
)
from danlu.compute.serving.forward import touched_experts
from danlu.compute.serving.physics import contradiction, floor_s
from danlu.compute.serving.steady import steady
from danlu.compute.serving.timing import timing
from danlu.errors import RecipeError

MODELS = ("llama-3.1-8b", "llama-3.1-70b", "qwen3-30b-a3b", "deepseek-v3", "gpt-oss-120b")
models = st.sampled_from(MODELS)
engines = st.sampled_from(("vllm", "sglang", "tensorrt-llm", "transformers", "llama.cpp"))
lengths = st.integers(16, 20000)
clients = st.integers(1, 256)


def ask(model="llama-3.1-8b", device="H100 SXM", devices=8, engine="vllm", **changes):
    load = changes.pop("load", None) or Load("closed", 1000, 200, concurrency=16)
    return Question(
        architecture=architecture.find(model),
        cluster=Cluster.of(find(device), devices),
        load=load,
        split=changes.pop("split", Split(tp=devices)),
        engine=engine_of(engine),
        **changes,
    )


def faster(question, factor):
    device = question.cluster.device
    device = dataclasses.replace(device, memory_bytes_per_s=device.memory_bytes_per_s * factor)
    return dataclasses.replace(question, cluster=dataclasses.replace(question.cluster, device=device))


@given(models, engines, lengths, clients, st.floats(1, 8))
@settings(deadline=None, max_examples=60)
def test_more_bandwidth_is_never_slower(model, engine, isl, batch, factor):
    question = ask(model, engine=engine)
    slow, fast = (decode_step_s(q, batch, isl, SERVING) for q in (question, faster(question, factor)))
    assert fast <= slow * (1 + 1e-9)


@given(models, engines, lengths, st.integers(1, 200), st.integers(1, 56))
@settings(deadline=None, max_examples=60)
def test_a_larger_batch_takes_longer_but_gives_no_fewer_tokens_a_second(model, engine, context, batch, more):
    question = ask(model, engine=engine)
    small = decode_step_s(question, batch, context, SERVING)
    large = decode_step_s(question, batch + more, context, SERVING)
    assert large >= small
    assert (batch + more) / large >= batch / small * (1 - 1e-9)


@given(models, lengths, lengths)
@settings(deadline=None, max_examples=60)
def test_the_cache_of_a_request_grows_with_its_length_and_fewer_fit(model, isl, more):
    short = memory(ask(model, load=Load("closed", isl, 100, concurrency=4)))
    long = memory(ask(model, load=Load("closed", isl + more, 100, concurrency=4)))
    assert long.cache_per_request >= short.cache_per_request
    assert long.concurrency <= short.concurrency


@given(models, engines, lengths, lengths)
@settings(deadline=None, max_examples=60)
def test_a_longer_prompt_never_has_its_first_token_sooner(model, engine, isl, more):
    first, second = (
        timing(ask(model, engine=engine, load=Load("single", n, 50)), SERVING).ttft_s for n in (isl, isl + more)
    )
    assert second >= first


@given(models, st.sampled_from(("vllm", "sglang", "tensorrt-llm")), lengths, clients)
@settings(deadline=None, max_examples=60)
def test_rate_times_turn_is_the_number_at_work(model, engine, isl, running):
    state = steady(ask(model, engine=engine, load=Load("closed", isl, 300, concurrency=running)), running, SERVING)
    assert state.requests_per_s * state.turn_s == pytest.approx(running)  # Little's law
    assert state.turn_s == pytest.approx(300 * state.token_s)


@given(models, engines, lengths, clients)
@settings(deadline=None, max_examples=60)
def test_no_prediction_contradicts_the_rule_by_which_rows_are_set_aside(model, engine, isl, running):
    question = ask(model, engine=engine, load=Load("closed", isl, 300, concurrency=running))
    found = timing(question, SERVING)
    assert found.tpot_s > floor_s(question)
    assert not contradiction(question, "tpot", found.tpot_s, found.tokens_per_s, found.tpot_s)


def test_a_dense_model_alone_decodes_close_to_its_bandwidth():
    question = ask("llama-3.1-70b", "H200 SXM", 1, weights=FORMATS["fp8"], load=Load("single", 100, 100))
    found = tpot(question)
    assert floor_s(question) < found.value < 1.6 * floor_s(question)
    assert found.low < found.value < found.high


def test_all_experts_are_met_in_the_end_and_one_token_meets_its_own():
    assert touched_experts(256, 8, 1) == pytest.approx(8, rel=0.02)
    assert touched_experts(256, 8, 1e4) == pytest.approx(256)
    assert touched_experts(256, 8, 64, 0.3) < touched_experts(256, 8, 64)


def test_an_arrival_rate_beyond_capacity_is_said_and_one_within_it_is_served():
    load = Load("open", 1000, 200, rate=2.0, prompts=1000)
    calm = serve(ask(load=load))
    assert not calm.saturated
    assert calm.throughput.value == pytest.approx(2.0 * 200, rel=0.05)
    flooded = serve(ask(load=dataclasses.replace(load, rate=1e4)))
    assert flooded.saturated
    assert "the queue grows" in flooded.bottleneck
    assert flooded.ttft.value > calm.ttft.value


def test_waiting_grows_with_the_arrival_rate():
    waits = [ttft(ask(load=Load("open", 4000, 200, rate=rate))).value for rate in (0.5, 2.0, 8.0)]
    assert waits == sorted(waits)


def test_the_price_of_a_million_tokens_is_the_rent_over_the_rate():
    found = serve(ask(devices=2), usd_per_device_h=3.0)
    assert found.price is not None
    assert found.price.value == pytest.approx(2 * 3.0 * 1e6 / 3600 / found.throughput.value)
    assert found.price.low < found.price.value < found.price.high
    assert found.device_throughput.value == pytest.approx(found.throughput.value / 2)


def test_narrow_weights_take_less_memory_and_more_requests_fit():
    wide = memory(ask("llama-3.1-70b", devices=4))
    narrow = memory(ask("llama-3.1-70b", devices=4, weights=FORMATS["int4"]))
    assert narrow.weights < 0.35 * wide.weights
    assert narrow.concurrency > wide.concurrency


def test_a_cache_in_eight_bits_holds_twice_the_requests():
    assert memory(ask(kv_bytes=1.0)).concurrency == pytest.approx(2 * memory(ask()).concurrency)


def test_weights_that_do_not_fit_are_said_in_words():
    found = serve(ask("llama-3.1-405b", "H100 SXM", 1))
    assert not found.memory.fits
    assert "do not fit" in found.bottleneck


def test_a_draft_that_is_accepted_divides_the_time_per_token():
    plain = tpot(ask(load=Load("single", 100, 100)))
    drafted = tpot(ask(load=Load("single", 100, 100), accepted=3.0))
    assert drafted.value == pytest.approx(plain.value / 3)


def test_offline_more_memory_gives_more_requests_at_once_and_a_higher_rate():
    load = Load("offline", 1000, 1000)
    small = throughput(ask("llama-3.1-70b", "H100 SXM", 2, load=load, weights=FORMATS["fp8"]))
    large = throughput(ask("llama-3.1-70b", "H200 SXM", 2, load=load, weights=FORMATS["fp8"]))
    assert large.value > small.value


def test_prompts_in_chunks_cost_what_their_chunks_cost():
    question = ask("llama-3.1-8b", devices=1)
    chunk = question.engine.chunk
    whole = prefill_s(question, 4 * chunk, SERVING, document=chunk)
    assert whole == pytest.approx(4 * prefill_s(question, chunk, SERVING, document=chunk))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("fp8 (gemm fp8, moe fp8_block)", "fp8"),
        ("fp4 (NVFP4)", "nvfp4"),
        ("MXFP4", "mxfp4"),
        ("awq-int4", "int4"),
        ("gptq-int8", "int8"),
        ("GPTQ", "int4"),
        ("Q4_K_M", "q4_k"),
        ("Q8_0", "q8_0"),
        ("BF16", "bf16"),
        ("w8a8-int8", "w8a8"),
        ("4bit", "mlx-4bit"),
    ],
)
def test_a_format_is_known_however_it_is_spelt(text, name):
    found = format_of(text)
    assert found is not None
    assert found.name == name


def test_a_cell_that_names_no_format_has_none():
    assert format_of("tuned by hand") is None


def test_four_bits_with_scales_are_a_little_more_than_half_a_byte():
    assert 0.5 < FORMATS["int4"].weight_bytes < 0.55
    assert FORMATS["q8_0"].weight_bytes * 32 == pytest.approx(34)
    assert FORMATS["q4_0"].weight_bytes * 32 == pytest.approx(18)


def test_why_a_large_dense_model_is_hard_to_serve_and_what_experts_change():
    cluster = Cluster.of(find("H100 SXM"), 8)
    dense = explain(architecture.of_size(500e9), cluster)
    assert dense.nodes == 3
    assert dense.weights_bytes == pytest.approx(1e12, rel=0.02)
    assert dense.floor_s == pytest.approx(dense.weights_bytes / (dense.devices * 3.35e12), rel=0.01)
    assert "500B weights" in dense.text
    assert "the network" in dense.text
    mixed = explain(architecture.of_size(500e9, 30e9), cluster)
    assert mixed.devices == dense.devices
    assert mixed.floor_s < dense.floor_s / 10
    assert "Experts do not save memory" in mixed.text


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Load("closed", -1, 10, concurrency=1),
        lambda: Load("closed", 10, 10, concurrency=0),
        lambda: Load("open", 10, 10, rate=0.0),
        lambda: ask(split=Split(tp=0)),
        lambda: ask(split=Split(pp=99)),
    ],
)
def test_wrong_input_is_an_error_with_a_sentence(wrong):
    with pytest.raises(RecipeError):
        wrong()


def test_every_prediction_is_finite_and_positive():
    for model in MODELS:
        for load in (
            Load("closed", 1000, 100, concurrency=1),
            Load("closed", 1000, 100, concurrency=5000, prompts=10000, spread=1.0),
            Load("open", 1000, 100, rate=math.inf, prompts=500),
            Load("offline", 30000, 1000),
            Load("decode", 1, 32, concurrency=4, past=4096),
            Load("prefill", 2048, 1, concurrency=1, past=4096),
        ):
            question = ask(model, load=load)
            for found in (throughput(question), ttft(question), tpot(question)):
                assert 0 < found.low < found.high < math.inf
