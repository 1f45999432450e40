"""What devices cost, with dates: facts that age quickest.

Rent: median one-year price of github.com/zhebrak/llm-cluster-simulator (src/core/cost/cloud.ts). Purchase:
github.com/epoch-research/training-cost-trends (servers by their devices), runlocalai.co (2026), fetchlogic.net (a GB200
rack by 72), and vendors' prices at launch for cards that people buy themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Price:
    """USD on a date. rent_usd_h: one device for one hour. buy_usd: one device with its share of the server's board."""

    rent_usd_h: float | None = None
    rent_date: str = ""
    buy_usd: float | None = None
    buy_date: str = ""


def _rent(usd_h: float) -> Price:
    return Price(usd_h, "2026-02")


def _both(usd_h: float, buy: float, date: str) -> Price:
    return Price(usd_h, "2026-02", buy, date)


def _buy(usd: float, date: str) -> Price:
    return Price(None, "", usd, date)


PRICES: Mapping[str, Price] = {
    "A100 SXM 40GB": _both(1.50, 24875, "2020-05"),
    "A100 SXM 80GB": _both(1.75, 18549, "2023-09"),
    "H100 SXM": _both(2.50, 33750, "2023-05"),
    "H100 PCIe": _rent(2.25),
    "H800 SXM": _rent(2.25),
    "H200 SXM": _both(3.50, 29500, "2026-03"),
    "B200 SXM": _both(5.00, 41500, "2026-03"),
    "GB200": _both(6.00, 43000, "2026-01"),
    "L40S": _rent(1.00),
    "A10G": _rent(1.00),
    "MI250X GCD": _rent(1.50),
    "MI250X": _rent(3.00),
    "MI300X": _rent(2.00),
    "MI325X": _rent(2.50),
    "MI350X": _rent(4.50),
    "TPU v4": Price(3.22, "2023-06"),
    "RTX 3060": _buy(329, "2021-02"),
    "RTX 3090": _buy(1499, "2020-09"),
    "RTX 4090": _both(0.50, 1599, "2022-10"),
    "RTX 4080 Super": _buy(999, "2024-01"),
    "RTX 4060 Ti": _buy(499, "2023-07"),
    "RTX 5090": _buy(1999, "2025-01"),
    "RTX 5080": _buy(999, "2025-01"),
    "RTX 5070 Ti": _buy(749, "2025-02"),
    "RTX 5060 Ti": _buy(429, "2025-04"),
    "RX 7900 XTX": _buy(999, "2022-12"),
    "RX 9070 XT": _buy(599, "2025-03"),
    "Arc B580": _buy(249, "2024-12"),
    "RTX A6000": _buy(4650, "2020-12"),
    "RTX 6000 Ada": _buy(6800, "2022-12"),
    "RTX PRO 6000": _buy(8565, "2025-05"),
    "DGX Spark GB10": _buy(3999, "2025-10"),
    "Ryzen AI Max+ 395": _buy(1999, "2025-02"),
}

NO_PRICE = Price()
