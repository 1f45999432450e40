"""Processors without a card, for serving: sockets of servers, desktops, boards.

Cores, clocks and memory from the vendors' data sheets. Peaks follow from the units of a core: FLOP per cycle in fp32
and in bf16 (AMX 2,048; two 512-bit units 64 and 128; two 256-bit units 32; NEON 16 or 32). What a product reaches of
them is assumed a half; decoding is bound by the memory, of whose bandwidth software reaches most.
"""

from __future__ import annotations

from typing import NamedTuple

from danlu.compute.catalogue.device import Device


class _Socket(NamedTuple):
    """Cores, GHz with all at work, FLOP per cycle and core in fp32 and bf16, GB of memory as usual, GB/s, W."""

    name: str
    year: int
    cores: int
    ghz: float
    fp32: float
    bf16: float
    memory: float
    gb_s: float
    watts: float
    vendor: str


_SOCKETS = (
    _Socket("Xeon Platinum 8280", 2019, 28, 2.4, 64, 32, 384, 141, 205, "Intel"),
    _Socket("Xeon Platinum 8380", 2021, 40, 2.6, 64, 32, 512, 205, 270, "Intel"),
    _Socket("Xeon Platinum 8480", 2023, 56, 2.4, 64, 2048, 512, 307, 350, "Intel"),
    _Socket("Xeon Platinum 8490H", 2023, 60, 2.4, 64, 2048, 512, 307, 350, "Intel"),
    _Socket("Xeon Platinum 8592", 2023, 64, 2.5, 64, 2048, 512, 358, 350, "Intel"),
    _Socket("Xeon Gold 6454S", 2023, 32, 2.6, 64, 2048, 512, 307, 270, "Intel"),
    _Socket("Xeon Gold 6530", 2023, 32, 2.5, 64, 2048, 512, 307, 270, "Intel"),
    _Socket("Xeon 6980P", 2024, 128, 2.6, 64, 2048, 768, 845, 500, "Intel"),
    _Socket("Xeon 6972P", 2024, 96, 2.8, 64, 2048, 768, 845, 500, "Intel"),
    _Socket("Xeon 6787P", 2025, 86, 2.8, 64, 2048, 512, 563, 350, "Intel"),
    _Socket("Xeon CPU Max 9480", 2023, 56, 2.2, 64, 2048, 64, 1000, 350, "Intel"),
    _Socket("EPYC 7763", 2021, 64, 2.8, 32, 16, 512, 205, 280, "AMD"),
    _Socket("EPYC 7742", 2019, 64, 2.6, 32, 16, 512, 205, 225, "AMD"),
    _Socket("EPYC 9654", 2022, 96, 3.2, 32, 64, 768, 461, 360, "AMD"),
    _Socket("EPYC 9684X", 2023, 96, 3.1, 32, 64, 768, 461, 400, "AMD"),
    _Socket("EPYC 9374F", 2022, 32, 4.0, 32, 64, 384, 461, 320, "AMD"),
    _Socket("EPYC 9755", 2024, 128, 3.2, 64, 128, 768, 576, 500, "AMD"),
    _Socket("EPYC 9965", 2024, 192, 2.6, 64, 128, 768, 576, 500, "AMD"),
    _Socket("AmpereOne A192-32X", 2024, 192, 3.2, 16, 32, 512, 333, 400, "Ampere"),
    _Socket("Ampere Altra Max M128", 2021, 128, 3.0, 16, 16, 512, 205, 250, "Ampere"),
    _Socket("Graviton3", 2021, 64, 2.6, 32, 64, 128, 307, 100, "AWS"),
    _Socket("Graviton4", 2024, 96, 2.8, 32, 64, 768, 537, 130, "AWS"),
    _Socket("Grace", 2023, 72, 3.1, 32, 64, 480, 500, 250, "NVIDIA"),
    _Socket("Threadripper Pro 5975WX", 2022, 32, 3.9, 32, 16, 256, 205, 280, "AMD"),
    _Socket("Threadripper Pro 5995WX", 2022, 64, 3.2, 32, 16, 512, 205, 280, "AMD"),
    _Socket("Threadripper Pro 7995WX", 2023, 96, 3.2, 32, 64, 512, 333, 350, "AMD"),
    _Socket("Threadripper Pro 9995WX", 2025, 96, 3.4, 64, 128, 512, 410, 350, "AMD"),
    _Socket("Core i9-13900K", 2022, 24, 4.3, 28, 14, 64, 102, 253, "Intel"),
    _Socket("Core i9-14900K", 2023, 24, 4.4, 28, 14, 64, 90, 253, "Intel"),
    _Socket("Core i7-12700K", 2021, 12, 4.3, 28, 14, 64, 77, 190, "Intel"),
    _Socket("Core Ultra 7 265K", 2024, 20, 4.6, 28, 14, 64, 102, 250, "Intel"),
    _Socket("Core Ultra 9 285K", 2024, 24, 4.6, 28, 14, 64, 102, 250, "Intel"),
    _Socket("Ryzen 9 5950X", 2020, 16, 4.0, 32, 16, 64, 51, 142, "AMD"),
    _Socket("Ryzen 9 7900X", 2022, 12, 4.9, 32, 64, 64, 83, 230, "AMD"),
    _Socket("Ryzen 9 7950X", 2022, 16, 4.8, 32, 64, 64, 83, 230, "AMD"),
    _Socket("Ryzen 9 9950X", 2024, 16, 4.9, 64, 128, 64, 90, 230, "AMD"),
    _Socket("Ryzen AI Max+ 395 CPU", 2025, 16, 4.3, 64, 128, 128, 256, 120, "AMD"),
    _Socket("Ryzen AI 5 340 CPU", 2025, 6, 3.8, 64, 128, 16, 90, 28, "AMD"),
    _Socket("CIX P1 (Minisforum MS-R1)", 2025, 12, 2.5, 32, 64, 64, 96, 35, "CIX"),
    _Socket("Snapdragon 8cx Gen 3 (Radxa Dragon Q8B)", 2022, 8, 2.6, 32, 32, 32, 68, 25, "Qualcomm"),
    _Socket("Snapdragon X Elite", 2024, 12, 3.4, 32, 64, 32, 135, 45, "Qualcomm"),
    _Socket("Rockchip RK3588", 2022, 8, 2.2, 16, 16, 16, 34, 15, "Rockchip"),
    _Socket("Raspberry Pi 5", 2023, 4, 2.4, 16, 16, 16, 17, 12, "Broadcom"),
    _Socket("Raspberry Pi 4", 2019, 4, 1.5, 8, 8, 8, 8.5, 8, "Broadcom"),
)
_REACH = 0.5


def _device(socket: _Socket) -> Device:
    cycles = socket.cores * socket.ghz * 1e9
    return Device(
        name=socket.name,
        vendor=socket.vendor,
        kind="cpu",
        year=socket.year,
        peaks={"bf16": cycles * socket.bf16, "fp32": cycles * socket.fp32},
        reach={"bf16": 0.3 if socket.bf16 > 1000 else _REACH, "fp32": _REACH},
        attention_reach=0.1 if socket.bf16 > 1000 else 0.25,
        op_s=6e-6,
        memory_bytes=socket.memory * 1e9,
        memory_bytes_per_s=socket.gb_s * 1e9,
        watts=socket.watts,
        source="the vendor's data sheet",
        network_bytes_per_s=12.5e9 if socket.memory >= 384 else None,
        devices_per_node=2 if socket.memory >= 384 else 1,
        assumptions=(f"products reach half of the {socket.name}'s peak, less with AMX (not measured)",),
    )


HOSTS: tuple[Device, ...] = tuple(_device(socket) for socket in _SOCKETS)
