"""What a person writes is read as it was meant, and a mistake is one sentence with the nearest valid value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from danlu.compute import hardware
from danlu.compute.architecture import find
from danlu.compute.quantities import amount, bytes_per_s, count, whole
from danlu.compute.question import Question
from danlu.compute.settings import EVERY, pairs
from danlu.errors import RecipeError

LLAMA = find("llama-3.1-8b")


def asked(devices="RTX 4090", **told):
    return Question.of(LLAMA, devices, told)


@pytest.mark.parametrize(
    ("text", "value"),
    [("2T", 2e12), ("300B", 3e11), ("1.5M", 1.5e6), ("8k", 8e3), ("4_096", 4096), ("1,024", 1024), ("1e9", 1e9)],
)
def test_counts_read_as_people_write_them(text, value):
    assert count("tokens", text) == value


@given(st.integers(1, 10**6))
def test_a_length_in_k_counts_in_1024(number):
    assert whole("seq_len", f"{number}k", binary=True) == 1024 * number
    assert whole("seq_len", str(number), binary=True) == number


@given(st.floats(0.1, 1e5))
def test_eight_bits_are_a_byte(rate):
    assert bytes_per_s("network", f"{8 * rate:f}Gb/s") == pytest.approx(
        bytes_per_s("network", f"{rate:f}GB/s"), rel=1e-4
    )
    assert bytes_per_s("network", f"{rate:f}") == pytest.approx(bytes_per_s("network", f"{rate:f} Gb/s"))


def test_an_amount_may_be_a_percentage_or_money():
    assert amount("margin", "20%") == pytest.approx(0.2)
    assert amount("buy", "$30k") == 30_000


@pytest.mark.parametrize(
    ("text", "number", "name"),
    [
        ("512xH100", 512, "H100 SXM"),
        ("RTX 4090", 1, "RTX 4090"),
        ("2 x RTX 4090", 2, "RTX 4090"),
        ("H100 SXM x 8", 8, "H100 SXM"),
        ("1,024 x H100", 1024, "H100 SXM"),
    ],
)
def test_hardware_reads_as_people_write_it(text, number, name):
    cluster = hardware.parse(text)
    assert (cluster.num_devices, cluster.device.name) == (number, name)


def test_a_row_of_ones_own_changes_what_it_names_and_says_so():
    card = hardware.parse("8xH100 SXM:memory=96,bandwidth=2.4,network=800Gb/s,rent=1.9").device
    known = hardware.parse("H100 SXM").device
    assert (card.memory_bytes, card.memory_bytes_per_s, card.network_bytes_per_s) == (96e9, 2.4e12, 100e9)
    assert card.price.rent_usd_h == 1.9
    assert card.peaks == known.peaks
    assert any("as you wrote" in line for line in card.assumptions)


def test_a_device_that_no_catalogue_has_needs_four_facts():
    made = hardware.parse("MyChip:memory=96,bandwidth=2.4,bf16=400,watts=500").device
    assert (made.name, made.flops_per_s("bf16"), made.watts) == ("MyChip", 400e12, 500)
    with pytest.raises(RecipeError, match="write also bandwidth, bf16, watts"):
        hardware.parse("MyChip:memory=96")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("RTX 4900", "nearest name is 'RTX 4090'"),
        ("0xH100", "the least is 1"),
        ("-4xH100", "the least is 1"),
        ("H100:memry=3", "nearest is memory="),
        ("H100:network=400lb/s", "write 400Gb/s"),
    ],
)
def test_wrong_hardware_is_one_sentence_with_the_nearest_value(text, words):
    with pytest.raises(RecipeError, match=words):
        hardware.parse(text)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"tokens": "2X"}, "write 2k, 2M, 2B or 2T"),
        ({"tokens": "many"}, "not a number"),
        ({"tokens": "0"}, "nothing to train on"),
        ({"tokens": "1M", "rows": "10"}, "leave one out"),
        ({"method": "qlorra"}, "nearest is 'qlora'"),
        ({"seq_lem": "8k"}, "nearest is seq_len"),
        ({"precision": "fp9"}, "the nearest is 'fp"),
        ({"micro": "0"}, "nearest valid value is 1"),
        ({"micro": "1.5"}, "not a whole number"),
        ({"recompute": "ful"}, "nearest is 'full'"),
        ({"mean_len": "9000", "seq_len": "8k"}, "nearest valid value is 8192"),
        ({"reshard": "maybe"}, "neither true nor false"),
    ],
)
def test_a_wrong_setting_is_one_sentence_with_the_nearest_value(told, words):
    with pytest.raises(RecipeError, match=words):
        asked(**told)


def test_what_is_not_told_is_assumed_aloud():
    silent = asked()
    assert silent.tokens == pytest.approx(20 * LLAMA.active_parameters)
    assert any(line.startswith("tokens=") for line in silent.assumed)
    assert any(line.startswith("seq_len=") for line in silent.assumed)
    assert not asked(tokens="2T", seq_len="8k").assumed


def test_rows_and_epochs_are_tokens():
    assert asked(rows="1000", seq_len="2k", epochs=3).tokens == 1000 * 2048 * 3
    assert asked(rows="1000", mean_len="500", seq_len="2k").tokens == 500_000


def test_a_method_decides_how_the_base_rests():
    assert asked(method="qlora").tuning.quant == "nf4"
    assert asked(method="lora").tuning.quant == "none"
    assert asked(method="dpo", adapter="true").tuning.adapted


def test_a_power_cap_is_at_most_the_design_power():
    assert asked(power_cap="300").cluster.power_cap_watts == 300
    assert asked(power_cap="9000").cluster.power_cap_watts == 450


def test_settings_are_written_with_dashes_or_underscores():
    assert pairs(["seq-len=8k", "tp=8"]) == {"seq_len": "8k", "tp": "8"}
    assert asked(**{"seq-len": "8k"}).rows.seq_len == 8192
    with pytest.raises(RecipeError, match="write key=value"):
        pairs(["fast"])


def test_every_setting_has_words():
    assert all(setting.words and setting.group for setting in EVERY.values())
