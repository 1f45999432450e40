import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from danlu.compute.catalogue import Cluster, find
from danlu.compute.economics.account import KEYS, Economy, account
from danlu.compute.economics.money import Prices, cost_behind, over_years, own, rent_or_own
from danlu.compute.economics.waiting import Decay, train_now_or_wait
from danlu.errors import RecipeError

CLUSTER = Cluster.of(find("H100 SXM"), 1024)


def test_the_items_add_up_and_hours_with_work_share_them():
    owned = own(CLUSTER, Prices(device_usd=30_000, utilisation=0.5, years=2))
    assert owned.usd == pytest.approx(sum(owned.items.values()))
    assert owned.items["devices"] == 30_000 * 1024
    assert owned.usd_per_device_h == pytest.approx(owned.usd / (1024 * 2 * 8766 * 0.5))


@given(st.floats(0.05, 0.9), st.floats(1.01, 1.1))
def test_more_hours_of_work_make_each_cheaper(share, more):
    cost = [own(CLUSTER, Prices(device_usd=30_000, utilisation=u)).usd_per_device_h for u in (share, share * more)]
    assert cost[1] < cost[0]


def test_where_both_meet_they_cost_the_same():
    choice = rent_or_own(CLUSTER, Prices(device_usd=30_000, rent_usd_h=2.5))
    at = Prices(device_usd=30_000, rent_usd_h=2.5, utilisation=choice.utilisation)
    assert own(CLUSTER, at).usd_per_device_h == pytest.approx(2.5, rel=1e-6)
    assert choice.hours == pytest.approx(choice.utilisation * 3 * 8766)
    at = Prices(device_usd=30_000, years=choice.years)
    assert own(CLUSTER, at).usd_per_device_h == pytest.approx(2.5, rel=1e-6)


def test_where_rent_is_cheaper_than_the_room_owning_never_pays():
    choice = rent_or_own(CLUSTER, Prices(device_usd=30_000, rent_usd_h=0.1))
    assert choice.utilisation is None
    assert "no utilisation makes owning pay" in choice.words


def test_longer_use_is_cheaper_an_hour():
    costs = [usd for _, usd in over_years(CLUSTER, Prices(device_usd=30_000))]
    assert len(costs) == 5
    assert costs == sorted(costs, reverse=True)


def test_a_device_without_a_price_asks_for_one():
    with pytest.raises(RecipeError, match="device_usd="):
        own(Cluster.of(find("T4"), 1), Prices())


def test_a_margin_of_a_fifth_leaves_four_fifths():
    assert cost_behind(2.5, 0.2) == pytest.approx(2.0)


def test_with_equal_half_lives_it_is_now_or_never():
    assert train_now_or_wait(1e6, 2e6).wait_years == 0
    assert train_now_or_wait(1e6, 2e5).wait_years is None
    assert "Train now" in train_now_or_wait(1e6, 2e6).words
    assert "Do not train" in train_now_or_wait(1e6, 2e5).words


@given(st.floats(1e4, 1e8), st.floats(1e4, 1e8), st.floats(0.3, 0.9))
def test_no_other_delay_earns_more(cost, earned, half_life):
    decay = Decay(cost_half_life=half_life)
    found = train_now_or_wait(cost, earned, decay)
    others = [earned / 0.6931471805599453 * 0.5**w - cost * 0.5 ** (w / half_life) for w in (0, 0.5, 1, 1.5, 2, 2.5, 3)]
    if found.wait_years is None:
        assert max(others) <= 1e-6 * cost
    else:
        assert found.profit_usd >= max(others) - 1e-6 * cost


def test_where_cost_falls_faster_than_value_waiting_can_pay():
    found = train_now_or_wait(1e6, 8e5, Decay(cost_half_life=0.67))
    assert 0 < found.wait_years < 3
    assert found.profit_usd > found.now_usd


def test_an_account_shows_every_assumption_with_unit_and_source():
    made = account(CLUSTER, 30 * 86_400, 1e12, Economy.of({"pue": 1.1, "unknown": 3.0}))
    shown = json.loads(json.dumps(made.to_json()))
    assert {each["name"] for each in shown["assumptions"]} == set(KEYS)
    assert all(each["unit"] and each["source"] for each in shown["assumptions"])
    assert next(each for each in shown["assumptions"] if each["name"] == "pue")["value"] == 1.1


def test_rent_of_a_run_pays_for_the_time_that_faults_cost():
    made = account(CLUSTER, 30 * 86_400, 1e12)
    assert made.rent_usd > 1024 * 30 * 24 * 2.5
    assert made.rent_usd == pytest.approx(made.device_hours * 2.5)


def test_without_prices_the_rest_is_still_told():
    made = account(Cluster.of(find("T4"), 4), 3600, 1e9)
    assert made.rent_usd is None
    assert made.choice is None
    assert made.power.energy_mwh > 0
