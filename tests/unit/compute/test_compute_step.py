"""A step's time: more of a resource never makes it slower, more work never faster; formulas of bubble and rings."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from danlu.compute.architecture import Architecture, Experts
from danlu.compute.catalogue import Cluster, find
from danlu.compute.job import Batch, Job, Layout, Numerics, Software
from danlu.compute.step import STEP, bottleneck, by_resource, estimate, relief, step_time
from danlu.compute.step.network import Group, exchange_s, gather_s, reduce_s
from danlu.compute.step.products import Speed, product_s
from danlu.compute.step.rates import Rates

DENSE = Architecture("dense", 16, 2048, 5632, 16, 8, 128, 32_000)
MIXED = replace(DENSE, name="mixed", experts=Experts(16, 2, 2048))
EXACT = 1 + 1e-9


@st.composite
def jobs(draw: st.DrawFn) -> Job:
    """Layouts, batches, precisions and software over small clusters of several kinds."""
    shape = draw(st.sampled_from((DENSE, MIXED)))
    layout = Layout(
        dp=draw(st.sampled_from((1, 2, 8, 32))),
        tp=draw(st.sampled_from((1, 2, 8))),
        pp=draw(st.sampled_from((1, 2, 4))),
        cp=draw(st.sampled_from((1, 2))),
        ep=draw(st.sampled_from((1, 2))) if shape is MIXED else 1,
        sharding=draw(st.sampled_from(("none", "zero1", "zero3"))),
        reshard=draw(st.booleans()),
    )
    device = find(draw(st.sampled_from(("A100 SXM 80GB", "H100 SXM", "GB200"))))
    micro = draw(st.sampled_from((1, 2, 4)))
    return Job(
        architecture=shape,
        cluster=Cluster.of(device, layout.num_devices),
        batch=Batch(draw(st.sampled_from((1024, 4096))), micro * layout.dp * draw(st.integers(1, 8)), micro),
        layout=layout,
        numerics=Numerics(compute=draw(st.sampled_from(("bf16", "fp8")))),
        recompute=draw(st.sampled_from(("none", "selective", "full"))),
        software=Software(
            framework=draw(st.sampled_from(("megatron", "torchtitan", ""))),
            year=draw(st.sampled_from((2021.5, 2025.0))),
            attention=draw(st.sampled_from(("flash", "eager"))),
            compiled=draw(st.booleans()),
        ),
    )


def on(job: Job, **faster: float) -> Job:
    return replace(job, cluster=replace(job.cluster, device=replace(job.cluster.device, **faster)))


@settings(deadline=None)
@given(jobs(), st.floats(1.0, 4.0))
def test_more_memory_bandwidth_is_never_slower(job: Job, times: float):
    faster = on(job, memory_bytes_per_s=times * job.cluster.device.memory_bytes_per_s)
    assert step_time(faster).total <= step_time(job).total * EXACT


@settings(deadline=None)
@given(jobs(), st.floats(1.0, 4.0))
def test_faster_links_are_never_slower(job: Job, times: float):
    assert job.cluster.device.link_bytes_per_s is not None
    faster = on(job, link_bytes_per_s=times * job.cluster.device.link_bytes_per_s)
    assert step_time(faster).total <= step_time(job).total * EXACT


@settings(deadline=None)
@given(jobs(), st.floats(1.0, 4.0))
def test_a_faster_network_is_never_slower(job: Job, times: float):
    assert job.cluster.network_bytes_per_s is not None
    cluster = replace(job.cluster, network_bytes_per_s=times * job.cluster.network_bytes_per_s)
    assert step_time(replace(job, cluster=cluster)).total <= step_time(job).total * EXACT


@settings(deadline=None)
@given(jobs(), st.floats(1.0, 4.0))
def test_a_higher_peak_is_never_slower(job: Job, times: float):
    peaks = {precision: times * rate for precision, rate in job.cluster.device.peaks.items()}
    faster = replace(job, cluster=replace(job.cluster, device=replace(job.cluster.device, peaks=peaks)))
    assert step_time(faster).total <= step_time(job).total * EXACT


@settings(deadline=None)
@given(jobs(), st.floats(0.3, 1.0))
def test_a_power_cap_is_never_faster(job: Job, share: float):
    capped = replace(job, cluster=replace(job.cluster, power_cap_watts=share * job.cluster.device.watts))
    assert step_time(capped).total >= step_time(job).total / EXACT


@settings(deadline=None)
@given(jobs(), st.integers(2, 4))
def test_more_tokens_a_step_are_never_faster(job: Job, times: int):
    more = replace(job, batch=replace(job.batch, sequences=times * job.batch.sequences))
    assert step_time(more).total > step_time(job).total


@settings(deadline=None)
@given(jobs())
def test_computing_again_is_never_faster(job: Job):
    kept = step_time(replace(job, recompute="none"))
    for again in ("selective", "full"):
        # The pipeline's bubble and what hides communication grow with it, but never by more than they cost.
        repeated = step_time(replace(job, recompute=again))
        assert repeated.products + repeated.recompute >= kept.products + kept.recompute
        if job.layout.sharding != "zero3":
            assert repeated.total >= kept.total / EXACT


@settings(deadline=None)
@given(jobs())
def test_parts_are_not_negative_and_add_up(job: Job):
    step = step_time(job)
    assert all(seconds >= 0 for seconds in step.parts.values()), step.parts
    assert step.total == pytest.approx(sum(step.parts.values()))
    assert sum(by_resource(step).values()) == pytest.approx(step.total)


@settings(deadline=None)
@given(jobs())
def test_rates_and_seconds_are_of_the_same_step(job: Job):
    step = step_time(job)
    tokens = step.tokens_per_s_per_device * step.total * job.cluster.num_devices
    assert tokens == pytest.approx(job.batch.sequences * job.batch.seq_len)
    assert 0 < step.mfu() <= step.mfu(causal=False) < 1


@settings(deadline=None)
@given(jobs())
def test_the_interval_holds_the_value(job: Job):
    seconds = estimate(job)
    assert seconds.low < seconds.value < seconds.high
    assert seconds.value == pytest.approx(step_time(job).total / job.goodput)


@pytest.mark.parametrize("virtual", [1, 2, 4])
@pytest.mark.parametrize("micro_batches", [4, 16])
def test_the_bubble_is_p_minus_1_over_v_m_of_the_work(virtual: int, micro_batches: int):
    headless = replace(DENSE, vocab_size=64)
    layout = Layout(pp=4, virtual_stages=virtual, schedule="interleaved" if virtual > 1 else "1f1b")
    job = Job(headless, Cluster.of(find("H100 SXM"), 4), Batch(4096, micro_batches), layout)
    step = step_time(job)
    work = step.products + step.attention + step.memory_ops + step.casts + step.recompute
    assert step.bubble / work == pytest.approx(3 / (virtual * micro_batches))


def test_a_zero_bubble_schedule_waits_a_third():
    job = Job(DENSE, Cluster.of(find("H100 SXM"), 4), Batch(4096, 16), Layout(pp=4))
    third = replace(job, layout=replace(job.layout, schedule="zero-bubble"))
    assert step_time(third).bubble == pytest.approx(step_time(job).bubble / 3)


def test_layers_in_turn_leave_all_devices_but_one_idle():
    job = Job(replace(DENSE, vocab_size=64), Cluster.of(find("H100 SXM"), 4), Batch(4096, 16), Layout(pp=4))
    serial = replace(job, layout=replace(job.layout, schedule="serial"))
    assert step_time(serial).total == pytest.approx(4 * step_time(job).total, rel=0.25)


def test_dualpipe_hides_the_exchange_with_experts():
    layout = Layout(dp=16, pp=4, ep=16)
    job = Job(MIXED, Cluster.of(find("H100 SXM"), 64), Batch(4096, 512), layout)
    dual = replace(job, layout=replace(layout, schedule="dualpipe"))
    assert step_time(dual).expert == pytest.approx(STEP.contention * step_time(job).expert)


RATES = Rates(1.0, 1.0, 1.0, 1.0, link=100.0, network=10.0)


@given(st.integers(2, 64), st.floats(1, 1e12))
def test_a_ring_sends_n_minus_1_of_n_parts(size: int, data: float):
    group = Group(size, size)
    assert gather_s(data, group, RATES, 0.0) == pytest.approx(data * (size - 1) / size / 100)
    assert reduce_s(data, group, RATES, 0.0) == pytest.approx(2 * data * (size - 1) / size / 100)


@given(st.integers(2, 64), st.sampled_from((1, 2, 4, 8)))
def test_a_group_drives_the_adapters_of_its_members_in_a_node(nodes: int, inside: int):
    across = gather_s(1e9, Group(nodes * inside, inside), RATES, 0.0)
    within = 1e9 * (inside - 1) / inside / 100
    assert across == pytest.approx(max(within, 1e9 * (nodes - 1) / nodes / (10 * inside)))


def test_an_exchange_is_as_slow_as_its_slower_way():
    assert exchange_s(160.0, Group(16, 8), RATES, 0.0) == pytest.approx(160 * 8 / 16 / 10)
    assert exchange_s(160.0, Group(8, 8), RATES, 0.0) == pytest.approx(160 * 7 / 8 / 100)


def test_data_parallel_groups_stand_a_tensor_group_apart():
    cluster = Cluster.of(find("H100 SXM"), 64)
    assert Group.of(cluster, 8) == Group(8, 8)
    assert Group.of(cluster, 64) == Group(64, 8)
    assert Group.of(cluster, 8, stride=8) == Group(8, 1)
    assert Group.of(cluster, 16, stride=4) == Group(16, 2)
    assert Group.of(Cluster.of(find("GB200"), 64), 16, stride=4) == Group(16, 16)


def test_a_product_reaches_its_rate_when_it_is_large_and_its_bytes_when_it_is_thin():
    speed = Speed(flops=1e15, memory=3e12)
    large = product_s(65_536, 8192, 8192, speed)
    assert 2 * 65_536 * 8192 * 8192 / large == pytest.approx(1e15, rel=0.05)
    thin = product_s(1, 8192, 8192, speed)
    assert 2 * 8192 * 8192 / thin == pytest.approx(3e12, rel=0.05)


def test_misaligned_rows_are_slower_a_flop():
    speed = Speed(flops=1e15, memory=1e15)
    assert product_s(4096, 4096, 4095, speed) > 2 * product_s(4096, 4096, 4096, speed)


def test_relief_says_what_a_faster_network_saves():
    device = find("H100 SXM")
    big = Architecture("70b", 80, 8192, 28672, 64, 8, 128, 128_256)
    job = Job(big, Cluster.of(device, 512), Batch(8192, 512), Layout(dp=64, tp=8, sharding="zero1"))
    saved = dict(relief(job))
    network = "800 Gb/s instead of 400 Gb/s between nodes for each device"
    assert 0 < saved[network] < 0.5
    twice = replace(job, cluster=replace(job.cluster, network_bytes_per_s=1e11))
    assert saved[network] == pytest.approx(1 - step_time(twice).total / step_time(job).total)
    assert list(saved.values()) == sorted(saved.values(), reverse=True)
    assert bottleneck(step_time(job)).startswith("Arithmetic takes")


def test_a_slow_network_is_the_bottleneck_that_is_named():
    cluster = replace(Cluster.of(find("H100 SXM"), 64), network_bytes_per_s=1e8)
    job = Job(DENSE, cluster, Batch(2048, 64), Layout(dp=64, sharding="zero3"))
    assert bottleneck(step_time(job)).startswith("The network between nodes takes")


def test_constants_are_few_and_can_be_passed():
    assert len(STEP.__slots__) <= 10
    job = Job(DENSE, Cluster.of(find("H100 SXM")), Batch(2048, 8, 8))
    assert step_time(job, replace(STEP, sustained=0.45)).products > 1.9 * step_time(job).products
