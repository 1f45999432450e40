import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from danlu.compute.economics.faults import Reliability, faults, optimum_interval_s, spare_nodes, wall_s
from danlu.errors import RecipeError

H = 3600.0


@pytest.mark.parametrize(("mtti_h", "best_min"), [(24, 117), (6, 57), (0.25, 9.1)])
def test_the_best_interval_is_the_one_that_daly_prints(mtti_h, best_min):
    assert optimum_interval_s(5 * 60, mtti_h * H) / 60 == pytest.approx(
        best_min, rel=0.01
    )  # figures 3 to 5 of the paper


def test_sixteen_thousand_h100_are_interrupted_every_three_hours():
    mtti = Reliability().mtti_s(16_384)
    assert mtti / H == pytest.approx(3.1, abs=0.05)
    assert 54 * 24 * H / mtti == pytest.approx(419, rel=0.01)


def test_llama_3_trained_for_more_than_nine_tenths_of_its_time():
    found = faults(54 * 24 * H, 16_384, 405e9 * 14)
    assert 0.9 < found.goodput < 0.97


@given(
    mtti=st.floats(600, 1e7),
    stall=st.floats(0.1, 100),
    times=st.floats(1.01, 100),
)
def test_the_interval_grows_with_the_time_between_faults(mtti, stall, times):
    assert optimum_interval_s(stall, mtti * times) > optimum_interval_s(stall, mtti)


@given(mtti=st.floats(600, 1e7), stall=st.floats(0.1, 200), off=st.sampled_from([0.7, 1.3]))
def test_saving_a_third_more_or_less_often_is_never_better(mtti, stall, off):
    best = optimum_interval_s(stall, mtti)
    at = {"stall_s": stall, "restart_s": 600, "mtti_s": mtti}
    assert wall_s(1e6, best, **at) <= wall_s(1e6, best * off, **at) * (1 + 1e-6)


@given(
    solve=st.floats(60, 1e8),
    devices=st.integers(1, 200_000),
    size=st.floats(0, 1e14),
    mtbf=st.floats(1_000, 1e7),
)
def test_goodput_is_a_share_and_falls_with_more_devices(solve, devices, size, mtbf):
    known = Reliability(mtbf_h=mtbf, storage_gb_s=1e-6, disk_gb_s=100)  # storage as fast for any number of devices
    few, many = (faults(solve, n, size, known).goodput for n in (devices, 2 * devices))
    assert 0 <= few <= 1
    assert many <= few + 1e-9


def test_a_job_that_never_ends_says_so():
    found = faults(1e7, 1_000_000, 1e12, Reliability(mtbf_h=10))
    assert found.wall_s == math.inf
    assert found.goodput == 0
    assert "never ends" in found.words


def test_hiding_writes_saves_time_but_a_slow_store_still_bounds_the_interval():
    shown = faults(1e6, 1024, 1e12, Reliability(hidden_write=0))
    hidden = faults(1e6, 1024, 1e12, Reliability(hidden_write=0.95))
    assert hidden.wall_s < shown.wall_s
    slow = faults(1e6, 1024, 1e12, Reliability(hidden_write=0.95, storage_gb_s=1e-6, disk_gb_s=0.1))
    assert slow.interval_s >= 0.95 * slow.write_s


@given(st.floats(0, 0.5), st.floats(1, 300))
def test_spares_suffice_as_often_as_is_asked(failures, repair):
    mean = failures * repair
    spares = spare_nodes(failures, repair, 0.95)
    chance = sum(math.exp(-mean + k * math.log(max(mean, 1e-300)) - math.lgamma(k + 1)) for k in range(spares + 1))
    assert chance >= 0.95 - 1e-3


def test_a_value_out_of_bounds_is_answered_with_the_nearest():
    with pytest.raises(RecipeError, match=r"hidden_write=1\.5 .* the nearest is 1\."):
        Reliability(hidden_write=1.5)
