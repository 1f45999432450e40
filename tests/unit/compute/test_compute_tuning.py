"""The time of a fine-tuning iteration: what must hold whatever the constants are."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from danlu.compute.architecture import find as model
from danlu.compute.catalogue import Cluster
from danlu.compute.catalogue import find as device
from danlu.compute.job import Batch, Job, Layout, Numerics, Software, Tuning
from danlu.compute.step.tuning import TUNING, estimate, tuning_time

LLAMA = model("llama-3.1-8b")
PURE = Numerics("bf16", "bf16", "bf16", masters=False)


def job(method="lora", quant="none", *, micro=2, seq_len=2048, sequences=None, devices=1, card="A100 SXM 80GB", **more):
    sharding = "zero3" if devices > 1 else "none"
    made = Job(
        architecture=LLAMA,
        cluster=Cluster.of(device(card), devices),
        batch=Batch(seq_len, sequences or micro * devices, micro),
        layout=Layout(dp=devices, sharding=sharding),
        tuning=Tuning(method, 16, (), quant),
        numerics=PURE,
        recompute="full",
        software=Software("hf-trainer"),
    )
    return replace(made, **more)


def seconds(of):
    return tuning_time(of).total


jobs = st.builds(
    job,
    method=st.sampled_from(["full", "lora", "dpo", "reward", "ppo", "grpo"]),
    quant=st.sampled_from(["none", "nf4", "gptq", "int8"]),
    micro=st.integers(1, 16),
    seq_len=st.integers(16, 16384),
    devices=st.sampled_from([1, 2, 8, 16]),
    card=st.sampled_from(["A100 SXM 80GB", "H100 SXM", "RTX 4090", "A10G", "MI300X"]),
)


@given(jobs, st.sampled_from(["peaks", "memory_bytes_per_s", "link_bytes_per_s"]), st.floats(1, 4))
@settings(max_examples=150, deadline=None)
def test_a_faster_device_is_never_slower(of, what, times):
    card = of.cluster.device
    value = getattr(card, what)
    faster = {key: rate * times for key, rate in value.items()} if what == "peaks" else (value or 0) * times
    quick = replace(of, cluster=replace(of.cluster, device=replace(card, **{what: faster})))
    assert seconds(quick) <= seconds(of) * (1 + 1e-9)


@given(jobs, st.integers(1, 4))
@settings(max_examples=100, deadline=None)
def test_more_rows_and_longer_rows_take_longer(of, more):
    batch = of.batch
    wider = replace(of, batch=replace(batch, sequences=batch.sequences * (1 + more), micro=batch.micro))
    longer = replace(of, batch=replace(batch, seq_len=batch.seq_len * (1 + more)))
    assert seconds(wider) > seconds(of)
    assert seconds(longer) >= seconds(of)


@given(jobs)
@settings(max_examples=100, deadline=None)
def test_parts_are_not_negative_and_the_estimate_is_their_sum(of):
    time = tuning_time(of)
    parts = [getattr(time, name) for name in time.__slots__]
    assert min(parts) >= 0
    assert sum(parts) == pytest.approx(time.total) == estimate(of).value
    assert estimate(of).low < time.total < estimate(of).high


def test_a_frozen_base_saves_the_products_of_its_weights_gradients():
    full, lora = tuning_time(job("full", micro=8)), tuning_time(job("lora", micro=8))
    assert 0.70 < lora.products / full.products < 0.80, "with recompute three passes of four are left"
    assert lora.optimiser < 0.01 * full.optimiser


def test_unpacking_a_quantised_base_is_paid_by_the_pass_and_not_by_the_token():
    short, long = (tuning_time(job("qlora", "nf4", micro=1, seq_len=n)) for n in (128, 4096))
    assert short.dequantise == long.dequantise
    assert short.dequantise / short.total > 0.2 > long.dequantise / long.total


def test_recompute_costs_a_forward_pass():
    kept, again = (tuning_time(job("lora", micro=8, recompute=r)) for r in ("none", "full"))
    assert 1.3 < again.products / kept.products < 1.55


def test_a_small_batch_waits_for_the_host_and_a_large_one_does_not():
    small, large = tuning_time(job(micro=1, seq_len=64)), tuning_time(job(micro=8, seq_len=4096))
    assert small.host > 0.4 * small.total
    assert large.host < 0.02 * large.total


def test_fused_kernels_help_and_eager_attention_hurts():
    eager = job(micro=8)
    fused = replace(eager, software=Software("unsloth", compiled=True, loss="kernel"))
    square = replace(eager, software=Software("hf-trainer", attention="eager"))
    assert seconds(fused) < seconds(eager) < seconds(square)


def test_cards_without_links_pay_for_sharding():
    alone, shared = job("full", card="A10G", micro=4), job("full", card="A10G", micro=4, devices=4)
    assert tuning_time(alone).communication == 0
    assert tuning_time(shared).communication > tuning_time(job("full", micro=4, devices=4)).communication


def test_dpo_computes_pairs_and_a_reference():
    sft, dpo = tuning_time(job("full", micro=4)), tuning_time(job("dpo", micro=4))
    assert dpo.products == pytest.approx(2 * sft.products)
    assert 0 < dpo.reference < dpo.products
    assert tuning_time(job("grpo", micro=4)).rollout > 0


def test_every_constant_matters():
    moved = [job("qlora", "nf4", micro=1, seq_len=64, devices=2), job("full", micro=8, devices=8), job("lora", micro=4)]
    moved.append(replace(moved[-1], software=Software("unsloth", compiled=True)))
    for name in TUNING.__slots__:
        other = replace(TUNING, **{name: getattr(TUNING, name) * 1.5})
        assert any(tuning_time(j, other).total != tuning_time(j).total for j in moved), name
