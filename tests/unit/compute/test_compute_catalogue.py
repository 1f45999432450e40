import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from danlu.compute import CATALOGUE, ISAS, cpu, find
from danlu.compute.catalogue import EVERYTHING, cluster_of, lookup, num_devices_in, rivals
from danlu.errors import RecipeError

SPELT = {
    "H100 SXM": "H100 SXM",
    "h100-sxm": "H100 SXM",
    "h100_80gb": "H100 SXM",
    "DGX-H100": "H100 SXM",
    "NVIDIA H100 80GB HBM3": "H100 SXM",
    "8xH100": "H100 SXM",
    "H100 x8": "H100 SXM",
    "H100 80GB PCIe": "H100 PCIe",
    "NVIDIA H100 NVL": "H100 NVL",
    "H100 96GB HBM2e 2.4TB/s, 500W limit, 400Gb/s RoCE": "H100 SXM 96GB 500W",
    "NVIDIA H200-SXM-141GB": "H200 SXM",
    "NVIDIA H200-NVL-141GB": "H200 NVL",
    "NVIDIA H20 96GB": "H20 96GB",
    "A100": "A100 SXM 80GB",
    "a100_40gb": "A100 SXM 40GB",
    "A100-SXM4-40GB": "A100 SXM 40GB",
    "NVIDIA A100-PCIE-40GB": "A100 PCIe 40GB",
    "A100 80G": "A100 SXM 80GB",
    "A100-SXM4-80GB (Jean Zay, 8/node, 4xOPA100 from memory)": "A100 SXM 80GB",
    "p4d.24xlarge": "A100 SXM 40GB",
    "V100": "V100 SXM 32GB",
    "DGX-GB200": "GB200",
    "GB200 NVL72": "GB200",
    "NVIDIA RTX 4090": "RTX 4090",
    "rtx4090": "RTX 4090",
    "RTX 4090 Laptop GPU": "RTX 4090 Laptop",
    "NVIDIA GeForce RTX 4070 Ti SUPER": "RTX 4070 Ti Super",
    "Ryzen 9 7950X (Nvidia 4080)": "RTX 4080",
    "A6000": "RTX A6000",
    "RTX 6000 Ada Generation": "RTX 6000 Ada",
    "NVIDIA RTX 6000 Pro Blackwell Server Edition": "RTX PRO 6000 Server Edition",
    "RTX PRO 6000 BSE": "RTX PRO 6000 Server Edition",
    "Tesla T4 16GB": "T4",
    "Dell Pro Max with GB10 (Nvidia Spark)": "DGX Spark GB10",
    "AMD Instinct MI300X 192GB HBM3": "MI300X",
    "Framework Mainboard (128GB)": "Ryzen AI Max+ 395",
    "Framework Mainboard (128GB) [CPU]": "Ryzen AI Max+ 395 CPU",
    "Google TPU v7x (Ironwood)": "TPU v7x",
    "v5litepod-16": "TPU v5e",
    "Gaudi2": "Gaudi 2",
    "trn2.48xlarge": "Trainium2",
    "Tenstorrent Wormhole n300": "Tenstorrent Wormhole n300",
    "2x Intel Xeon Gold 6454S [CPU]": "Xeon Gold 6454S",
    "NVIDIA RTX 4090 24GB + 2x Xeon Gold 6454S": "RTX 4090",
    "24 GB GPU": "RTX 4090",
}


@pytest.mark.parametrize(("written", "meant"), SPELT.items())
def test_spelling_does_not_matter(written, meant):
    assert find(written).name == meant


@pytest.mark.parametrize("name", EVERYTHING)
def test_every_device_is_found_under_its_own_name(name):
    asked = f"{name} [CPU]" if EVERYTHING[name].kind == "cpu" else name
    assert find(asked).name == name


def test_an_unknown_device_is_answered_with_the_nearest_name():
    with pytest.raises(RecipeError, match=r"'H1000 SXN'.*nearest name is 'H100 SXM'"):
        find("H1000 SXN")


@pytest.mark.parametrize(
    "cell", ["", "Ascend NPU (model not stated)", "Apple silicon (chip not stated)", "MI999", "cpu"]
)
def test_what_names_no_device_is_no_device(cell):
    assert lookup(cell) is None
    assert cluster_of(cell) is None


@given(st.text(max_size=20))
def test_any_name_gives_a_device_or_a_sentence(name):
    try:
        assert find(name).name in EVERYTHING
    except RecipeError as error:
        assert "hardware: auto" in str(error)


@pytest.mark.parametrize("device", EVERYTHING.values(), ids=lambda d: d.name)
def test_facts_are_in_their_units(device):
    assert 0.02e12 <= device.flops_per_s("bf16") < 20e15
    assert device.memory_bytes_per_s < 100e12
    assert 5 <= device.watts <= 2000
    assert all(0 < share < 1 for share in device.reach.values())
    assert 0 < device.attention_reach < 1
    assert device.link_bytes_per_s is None or 10e9 < device.link_bytes_per_s < 2e12
    assert device.network_bytes_per_s is None or 1e9 < device.network_bytes_per_s < 400e9
    assert (device.price.rent_usd_h is None) == (device.price.rent_date == "")
    assert (device.price.buy_usd is None) == (device.price.buy_date == "")
    assert device.source


@pytest.mark.parametrize("device", CATALOGUE.values(), ids=lambda d: d.name)
def test_what_one_trains_on_has_matrix_units_and_memory(device):
    assert device.flops_per_s("bf16") >= 18e12
    assert device.peaks["fp32"] < device.peaks["bf16"]
    assert 8e9 <= device.memory_bytes < 1e12
    assert 0.1e12 <= device.memory_bytes_per_s < 25e12


@pytest.mark.parametrize("device", [d for d in EVERYTHING.values() if d.kind != "cpu"], ids=lambda d: d.name)
def test_a_card_never_computes_narrower_numbers_slower(device):
    rates = [device.flops_per_s(precision) for precision in ("fp32", "bf16", "fp8", "fp4")]
    assert rates == sorted(rates)


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("8xH100", 8),
        ("512 x H100 SXM", 512),
        ("8x AMD Instinct MI325X", 8),
        ("H100 x8", 8),
        ("RTX 3090 x 2", 2),
        ("16 H100 GPUs", 16),
        ("H100 (16 GPUs)", 16),
        ("TPU v4 (2x v4-128)", 128),
        ("TPU v5p-1024", 512),
        ("TPU v6e-256", 256),
        ("A100-SXM4-80GB, 4x100Gb RoCE per node", None),
        ("RTX 4090 24GB + 2x Xeon Gold 6454S", None),
        ("h100_80gb", None),
        ("NVIDIA A100 40GB, 4 GPUs/node", None),
    ],
)
def test_a_number_of_devices_stands_with_their_name(cell, number):
    assert num_devices_in(cell) == number


def test_a_nodes_adapters_are_shared_by_its_devices():
    assert cluster_of("A100-SXM4-80GB, 4x100Gb RoCE per node", 64).network_bytes_per_s == 4 * 100e9 / 8 / 8
    jean_zay = cluster_of("A100-SXM4-80GB (Jean Zay, 8/node, 4xOPA100 from memory)", 384)
    assert jean_zay.network_bytes_per_s == 4 * 100e9 / 8 / 8
    assert cluster_of("A100 40GB, 4 GPUs/node, 4xHDR200", 8).network_bytes_per_s == 25e9
    assert cluster_of("H100, 3.2Tb/s per node EFA", 8).network_bytes_per_s == 50e9
    assert cluster_of("H100 400Gb/s RoCE", 8).network_bytes_per_s == 50e9


def test_a_power_limit_memory_and_bandwidth_of_a_cell_count():
    assert cluster_of("H100 SXM, 400W limit", 8).power_cap_watts == 400
    assert cluster_of("A100-80GB 400W", 8).power_cap_watts is None
    assert cluster_of("Apple M2 Max 32GB (38 GPU cores)").device.memory_bytes == 32e9
    assert cluster_of("H100 2.4TB/s", 8).device.memory_bytes_per_s == 2.4e12
    few, all_cores = (cluster_of(f"Apple M3 Ultra 256GB ({n} GPU cores)").device for n in (60, 80))
    assert few.peaks["bf16"] == pytest.approx(0.75 * all_cores.peaks["bf16"])
    assert cluster_of("GH200 480GB").device.memory_bytes == 96e9  # 480 GB are its host's
    limited = cluster_of("48 GB GPU (A100 80GB limited)").device
    assert limited.memory_bytes == 48e9
    assert limited.peaks == CATALOGUE["A100 SXM 80GB"].peaks


def test_four_devices_of_a_node_are_linked_by_four():
    assert cluster_of("A100 40GB, 4 GPUs/node", 8).link_domain == 4
    assert cluster_of("DGX-GB200", 256).link_domain == 72
    assert cluster_of("L40S", 8).link_domain == 1


def test_a_server_is_compared_with_servers_of_other_vendors_and_a_card_with_cards():
    assert {d.vendor for d in rivals(CATALOGUE["H100 SXM"])} >= {"NVIDIA", "AMD", "Google", "AWS", "Intel", "Huawei"}
    assert "H100 SXM" not in {d.name for d in rivals(CATALOGUE["H100 SXM"])}
    assert {"RTX 5090", "Apple M3 Ultra"} <= {d.name for d in rivals(CATALOGUE["RTX 4090"])}


def test_the_catalogue_is_read_quickly():
    seconds = subprocess.run(
        [
            sys.executable,
            "-c",
            "import time; t = time.perf_counter(); import danlu.compute.catalogue as c; c.find('H100');"
            "import danlu.compute.architecture as a; a.find('llama-3-8b'); print(time.perf_counter() - t)",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert float(seconds) < 0.5  # a twentieth of a second alone; other work may slow the machine


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
