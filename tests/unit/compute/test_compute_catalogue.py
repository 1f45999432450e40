import pytest
from hypothesis import given
from hypothesis import strategies as st

from danlu.compute import CATALOGUE, ISAS, cpu, find
from danlu.errors import RecipeError


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("H100 SXM", "H100 SXM"),
        ("h100-sxm", "H100 SXM"),
        ("NVIDIA RTX 4090", "RTX 4090"),
        ("rtx4090", "RTX 4090"),
        ("A100", "A100 SXM 40GB"),
        ("AMD MI300X", "MI300X"),
    ],
)
def test_spelling_does_not_matter(written, meant):
    assert find(written).name == meant


def test_an_unknown_device_is_answered_with_the_nearest_name():
    with pytest.raises(RecipeError, match=r"'H1000 SXN'.*nearest name is 'H100 SXM'"):
        find("H1000 SXN")


@given(st.text(max_size=20))
def test_any_name_gives_a_device_or_a_sentence(name):
    try:
        assert find(name).name in CATALOGUE
    except RecipeError as error:
        assert "hardware: auto" in str(error)


@pytest.mark.parametrize("device", CATALOGUE.values(), ids=lambda d: d.name)
def test_facts_are_in_their_units(device):
    assert 50e12 <= device.peaks["bf16"] < 10e15
    assert device.peaks["fp32"] < device.peaks["bf16"]
    assert 16e9 <= device.memory_bytes < 1e12
    assert 0.3e12 <= device.memory_bytes_per_s < 20e12
    assert 50 < device.watts < 2000
    assert (device.price.rent_usd_h is None) == (device.price.rent_date == "")
    assert device.source


@given(st.sampled_from(ISAS), st.integers(1, 63), st.floats(1e9, 5e9))
def test_more_cores_are_never_slower(isa, cores, clock_hz):
    few, more = (cpu("c", isa=isa, cores=n, clock_hz=clock_hz, memory_bytes=8e9) for n in (cores, cores + 1))
    assert more.peaks["bf16"] >= few.peaks["bf16"]
    assert more.memory_bytes_per_s >= few.memory_bytes_per_s


def test_a_cpu_without_bf16_arithmetic_computes_fp32_faster():
    old = cpu("c", isa="avx2", cores=4, clock_hz=3e9, memory_bytes=8e9)
    new = cpu("c", isa="amx_bf16", cores=4, clock_hz=3e9, memory_bytes=8e9)
    assert old.peaks["fp32"] > 3 * old.peaks["bf16"]
    assert new.peaks["bf16"] > 3 * new.peaks["fp32"]
