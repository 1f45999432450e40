import subprocess
import sys

import pytest

from danlu.run.machine import instruction_set, read_cpuinfo, this_machine

CPUINFO = (
    "processor\t: 0\nmodel name\t: A  CPU\nflags\t\t: {}\n\nprocessor\t: 1\nmodel name\t: A  CPU\nflags\t\t: fpu\n"
)
AVX512 = "fma avx2 avx512f avx512bw avx512vl"


@pytest.mark.parametrize(
    ("flags", "isa"),
    [
        (f"{AVX512} avx512_bf16 amx_tile amx_bf16", "amx_bf16"),
        (f"{AVX512} avx512_bf16", "avx512_bf16"),
        (AVX512, "avx512"),
        ("fma avx2", "avx2"),
        ("fpu sse2", "sse2"),
        (f"{AVX512} amx_bf16", "avx512"),  # a hypervisor that hides the tiles
    ],
)
def test_the_widest_instruction_set_is_found(flags, isa, monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert instruction_set(read_cpuinfo(CPUINFO.format(flags))) == isa


def test_arm_names_features_instead_of_flags(monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert instruction_set(read_cpuinfo("Features\t: fp asimd bf16\n")) == "neon_bf16"
    assert instruction_set(read_cpuinfo("Features\t: fp asimd\n")) == "neon"
    assert instruction_set({}) == "neon"


def test_this_machine_is_whole_and_asked_once():
    machine = this_machine()
    assert machine is this_machine()
    assert 1 <= machine.physical_cores <= machine.logical_cores
    assert machine.memory_bytes > 1e8
    assert machine.isa in machine.name
    assert "  " not in machine.name
    assert machine.described()["physical_cores"] == machine.physical_cores


def test_threads_decide_on_the_rate_and_never_exceed_the_machine():
    machine = this_machine()
    one = machine.device(1)
    assert one.peaks["bf16"] <= machine.device().peaks["bf16"]
    assert machine.device(10_000) == machine.device(machine.logical_cores)


def test_torch_keeps_few_kernels_and_its_waiting_threads_sleep_unless_the_environment_says_otherwise():
    code = (
        "import os, torch; from danlu.run.machine import prepare_torch\n"
        "os.environ['LRU_CACHE_CAPACITY'] = '7'; prepare_torch(1)\n"
        "names = ('ONEDNN_PRIMITIVE_CACHE_CAPACITY', 'LRU_CACHE_CAPACITY', 'OMP_WAIT_POLICY')\n"
        "print(torch.get_num_threads(), *map(os.environ.get, names))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "128", "7", "PASSIVE"]
