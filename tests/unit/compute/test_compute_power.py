from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from danlu.compute.catalogue import Cluster, find
from danlu.compute.economics.power import Site, clock_share, power

H100 = find("H100 SXM")


def test_a_node_of_eight_h100_is_rated_as_its_maker_says():
    assert power(Cluster.of(H100, 8), 3600).node_w == pytest.approx(10_200)


def test_energy_is_watts_times_hours():
    found = power(Cluster.of(H100, 8), 10 * 3600, Site(pue=1.0, drawn=1.0))
    assert found.energy_mwh == pytest.approx(0.102)
    assert found.co2_t == pytest.approx(0.102 * 0.384)


def test_a_rack_of_72_stays_together_and_needs_water():
    found = power(Cluster.of(find("GB200"), 144), 3600)
    assert (found.devices_per_rack, found.racks, found.cooling) == (72, 2, "water")
    assert found.rack_w == pytest.approx(120e3, rel=0.05)


def test_a_denser_hall_needs_fewer_racks_and_water():
    cluster = Cluster.of(H100, 1024)
    air, water = power(cluster, 3600), power(cluster, 3600, Site(rack_kw=100))
    assert (air.cooling, water.cooling) == ("air", "water")
    assert water.racks < air.racks


@given(st.floats(50, 5_000), st.floats(1.0, 2.0))
def test_a_cap_never_speeds_up_and_more_watts_never_slow(cap, more):
    assert 0 < clock_share(cap, H100) <= clock_share(cap * more, H100) <= 1


@given(st.floats(400, 690))
def test_a_cap_costs_less_clock_than_watts(cap):
    assert clock_share(cap, H100) > cap / H100.watts


def test_near_the_limit_power_goes_with_the_clock_to_the_power_of_two_and_a_half():
    assert clock_share(0.98 * 700, H100) == pytest.approx(0.98 ** (1 / 2.5), abs=1e-3)


def test_a_capped_cluster_draws_less_at_the_site_too():
    cluster = Cluster.of(H100, 1024)
    assert power(replace(cluster, power_cap_watts=500), 3600).peak_w < power(cluster, 3600).peak_w


@given(st.integers(1, 5_000), st.floats(0, 1))
def test_idle_hours_take_less_than_working_ones_and_more_than_nothing(devices, busy):
    found = power(Cluster.of(H100, devices), 3600, busy=busy)
    assert 0 < found.mean_w <= found.peak_w
