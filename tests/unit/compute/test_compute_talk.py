"""The talk's numbers, as docs/compute_examples.md prints them."""

from dataclasses import replace

import pytest

from danlu.compute.answer import plan
from danlu.compute.catalogue import CATALOGUE, Cluster, find
from danlu.compute.economics.compare import compare, warning
from danlu.compute.economics.money import Prices, cost_behind, own
from danlu.compute.economics.power import Site, node_factor, power
from danlu.compute.economics.precision import fewer_bits, largest_dense, moved
from danlu.compute.economics.purchase import FAIR, Disks, Plant, Surroundings, per_doubling, price_usd
from danlu.compute.economics.scaling import optimal, size
from danlu.compute.economics.transfer import all_reduce_s, fibre_delay_s, step_s

H100, B200, GB200, RTX = find("H100 SXM"), find("B200"), find("GB200"), find("RTX 5090")


def test_faster_links():
    """A ring of 64 that sums 140 GB: 5.5 s at 400 Gb/s, 2.8 s at 800; hidden behind arithmetic, it is worth less."""
    slow, fast = (all_reduce_s(140e9, 64, rate / 8) for rate in (400e9, 800e9))
    assert (slow, fast) == (pytest.approx(5.51, abs=0.01), pytest.approx(2.76, abs=0.01))
    assert step_s(10, fast, 0.4) / step_s(10, slow, 0.4) == pytest.approx(0.87, abs=0.01)
    assert step_s(10, fast, 0.8) == step_s(10, slow, 0.8)


def test_faster_links_never_slow_a_planned_step():
    """70B on 512 H100 in the best layout of each: most of the network hides behind arithmetic."""
    slow, fast = (plan("llama-3.1-70b", "512xH100", {"tokens": "2T", "network": at}) for at in ("400Gb/s", "800Gb/s"))
    assert 0.8 < fast.step.value / slow.step.value <= 1


def test_an_nvl72_rack_links_each_gpu_at_1_8_terabytes_a_second():
    assert GB200.link_bytes_per_s is not None
    assert 2 * GB200.link_bytes_per_s == 1.8e12  # both ways, as it is sold; 0.9 one way, which a collective feels
    assert GB200.link_domain == 72


def test_a_chip_of_192_gigabytes_holds_77_billion_parameters_to_serve_and_10_to_train():
    assert largest_dense(192e9, 2) == pytest.approx(77e9, rel=0.01)
    assert largest_dense(192e9, 16) == pytest.approx(9.6e9, rel=0.01)
    assert largest_dense(192e9, 0.5625) == pytest.approx(273e9, rel=0.01)  # fp4 with its scales


def test_a_thousand_chips_of_a_kilowatt_take_two_and_a_half_megawatts_with_all_that_serves_them():
    thousand = Cluster.of(B200, 1000)
    bare = thousand.num_devices * B200.watts
    assert bare == 1e6
    found = power(thousand, 3600)
    assert found.node_w / 8 == pytest.approx(1_821, abs=1)
    assert found.peak_w / 1e6 == pytest.approx(2.6, abs=0.05)
    assert found.mean_w / 1e6 == pytest.approx(1.98, abs=0.05)
    assert power(Cluster.of(replace(GB200, watts=1000), 1008), 3600, Site(pue=1.1)).peak_w < found.peak_w


def test_the_gpu_is_about_half_of_three_years():
    owned = own(Cluster.of(H100, 1024), Prices(device_usd=30_000))
    assert owned.device_share == pytest.approx(0.44, abs=0.01)
    capital = sum(owned.items[name] for name in ("devices", "server", "network", "storage"))
    assert owned.items["devices"] / capital == pytest.approx(0.66, abs=0.01)


def test_a_clouds_margin_of_a_fifth():
    assert cost_behind(2.50, Prices().margin) == pytest.approx(2.00)


def test_a_year_of_cloud_storage_buys_ten_times_the_capacity_or_seven_with_servers():
    assert Disks().times_bare == pytest.approx(13.8, abs=0.1)
    assert Disks().times_usable == pytest.approx(7.1, abs=0.1)


@pytest.mark.parametrize(
    ("parameters", "tokens", "flops", "days"),
    [(100e9, 10e12, 6e24, 10.6), (500e9, 50e12, 1.5e26, 265)],
)
def test_a_hundred_to_five_hundred_billion_dense(parameters, tokens, flops, days):
    """On 16,384 H100 at 40% of 989 TFLOP/s."""
    found = size(parameters, tokens)
    assert found.train_flops == flops
    assert flops / (16_384 * 0.4 * 989e12) / 86_400 == pytest.approx(days, rel=0.02)
    assert found.tokens_per_parameter == 100
    assert optimal(flops).parameters > parameters  # the talk trains longer than training alone would ask


def test_a_metre_of_fibre_is_five_nanoseconds():
    assert fibre_delay_s(1) == pytest.approx(4.9e-9, abs=0.05e-9)
    assert all_reduce_s(1, 1000, 50e9, metres=100) == pytest.approx(2 * 999 * 490e-9, rel=0.01)  # 1 ms for a ring


def test_a_doubling_of_arithmetic_costs_1_4_times_in_a_monopoly():
    assert price_usd(30_000, 2) == 42_000
    assert price_usd(30_000, 2, per_doubling=FAIR) == 30_000
    hopper = per_doubling(18_549, 33_750, 989 / 312)  # A100 80GB of an HGX in 2023-09, H100 of a DGX in 2023-05
    blackwell = per_doubling(33_750, 41_500, 2250 / 989)  # B200 in 2026
    assert (hopper, blackwell) == (pytest.approx(1.43, abs=0.01), pytest.approx(1.19, abs=0.01))


def test_a_card_of_3000_dollars_gives_more_for_a_dollar_and_less_to_link():
    small, large = compare((RTX, H100), prices_usd={RTX.name: 3_000, H100.name: 30_000})
    for name, least in (
        ("bf16_flops_per_s_per_usd", 2.0),
        ("memory_bytes_per_usd", 4.0),
        ("memory_bytes_per_s_per_usd", 5.3),
    ):
        assert small.figures[name] / large.figures[name] >= least * 0.99
        assert name in small.leads
    assert small.figures["link_bytes_per_s_per_usd"] / large.figures["link_bytes_per_s_per_usd"] < 1.5
    assert {"memory_bytes", "memory_bytes_per_s", "link_bytes_per_s"} <= set(large.leads)


def test_owning_cpus_and_network_saves_most_of_their_price():
    own_them = Surroundings()
    assert own_them.cloud_thread_usd_h / own_them.own_thread_usd_h == pytest.approx(4.5, abs=0.2)
    assert own_them.cloud_usd_gb_out / own_them.own_usd_gb_out == pytest.approx(49, abs=2)
    assert own_them.saved_usd(1e6, 1e6) == pytest.approx(88_000, rel=0.02)


def test_a_power_plant_of_ones_own_saves_two_cents():
    plant = Plant()
    assert plant.usd_kwh == pytest.approx(0.060, abs=0.001)
    assert 0.048 <= plant.usd_kwh <= 0.109  # Lazard's range
    thousand = power(Cluster.of(B200, 1000), 365.25 * 86_400)
    assert plant.capital_usd(thousand.peak_w) == pytest.approx(5.6e6, rel=0.02)
    assert plant.saved_usd(thousand.energy_mwh, 0.08) == pytest.approx(0.35e6, rel=0.05)


def test_racks_and_water():
    dense = power(Cluster.of(GB200, 72), 3600)
    assert dense.cooling == "water"
    assert dense.rack_w == pytest.approx(121e3, rel=0.01)
    spread = power(Cluster.of(H100, 72), 3600)
    assert (spread.cooling, spread.racks) == ("air", 3)
    assert node_factor(GB200) < node_factor(H100)


def test_four_bits_help_and_hurt():
    wide, narrow = moved(70e9, B200, "bf16"), moved(70e9, B200, "fp4")
    assert narrow.weight_bytes < wide.weight_bytes / 3.5
    assert narrow.ridge > 3 * wide.ridge
    assert narrow.batch == pytest.approx(wide.batch, rel=0.2)  # bytes and rate move together
    said = fewer_bits(70e9, B200)
    assert "so fp4 helps" in said
    assert "bottleneck sooner" in said
    assert "arithmetic gains nothing" in fewer_bits(70e9, find("A100 SXM 80GB"), "fp8")


def test_where_another_vendor_leads_it_shows():
    rows = {row.device.name: row for row in compare((H100, find("MI300X"), RTX), {"step_time_s": lambda d: d.watts})}
    assert {"memory_bytes", "memory_bytes_per_s"} <= set(rows["MI300X"].leads)
    assert "step_time_s" in rows["RTX 5090"].leads  # less is better


@pytest.mark.parametrize("device", CATALOGUE.values(), ids=lambda d: d.name)
def test_a_device_without_measured_software_is_warned_of(device):
    assert bool(warning(device)) == (not device.reach or device.evidence in {"announced", "assumed"})
