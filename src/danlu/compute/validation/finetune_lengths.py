"""How long the rows of a fine-tuning data set are: the mean decides time, the longest decides memory.

Lengths of rows with their prompt, in tokens of a vocabulary of 32k to 128k, read from the data sets' own pages, from
LitGPT's resource tables (longest Alpaca row: 1,304 Llama-2 tokens) and from published runs without padding.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from statistics import NormalDist

_NORMAL = NormalDist()
_PLAIN_DEVIATION = 0.6  # of rows whose spread nobody tells, as a share of their mean


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens of rows, taken as log-normal. rows: of one epoch, where it is known."""

    mean: float
    deviation: float
    longest: float
    rows: int | None = None

    @property
    def _shape(self) -> tuple[float, float]:
        """Mean and deviation of the logarithm."""
        variance = math.log(1 + (self.deviation / self.mean) ** 2)
        return math.log(self.mean) - variance / 2, math.sqrt(variance)

    def kept(self, cap: float | None) -> Lengths:
        """Of the rows no longer than the cap, where longer ones are dropped."""
        centre, spread = self._shape
        if cap is None or cap >= self.longest or spread == 0:
            return self
        edge = (math.log(cap) - centre) / spread
        share = max(_NORMAL.cdf(edge), 1e-6)
        mean = self.mean * _NORMAL.cdf(edge - spread) / share
        square = (self.mean**2 + self.deviation**2) * _NORMAL.cdf(edge - 2 * spread) / share
        rows = None if self.rows is None else max(1, round(self.rows * share))
        return Lengths(mean, math.sqrt(max(square - mean**2, 0.0)), cap, rows)

    def cut(self, cap: float | None) -> Lengths:
        """Where longer rows lose their end."""
        centre, spread = self._shape
        if cap is None or cap >= self.longest or spread == 0:
            return self
        edge = (math.log(cap) - centre) / spread
        over = 1 - _NORMAL.cdf(edge)
        mean = self.mean * _NORMAL.cdf(edge - spread) + cap * over
        square = (self.mean**2 + self.deviation**2) * _NORMAL.cdf(edge - 2 * spread) + cap**2 * over
        return Lengths(mean, math.sqrt(max(square - mean**2, 0.0)), cap, self.rows)

    def padded(self, micro: int) -> float:
        """Mean tokens of a row where `micro` rows are padded to the longest of them (order statistics by Blom 1958)."""
        if micro <= 1:
            return self.mean
        centre, spread = self._shape
        highest = _NORMAL.inv_cdf((micro - 0.375) / (micro + 0.25))
        variance = micro**-0.45  # of the largest of so many normal draws: 0.68 of 2, 0.49 of 4, 0.30 of 16
        return min(self.longest, math.exp(centre + spread * highest + spread**2 * variance / 2))


_KNOWN: tuple[tuple[str, Lengths], ...] = (
    (r"alpaca.?2k", Lengths(115, 75, 1000, 2000)),
    (r"long.?alpaca", Lengths(8055, 6000, 32768, 12000)),
    (r"alpaca", Lengths(115, 75, 1304, 52002)),
    (r"orca.?math", Lengths(290, 145, 2000, 200000)),
    (r"slim.?orca", Lengths(400, 300, 4096, 517982)),
    (r"chip2|laion", Lengths(75, 45, 800, 210289)),
    (r"oasst|open.?assistant|guanaco", Lengths(480, 420, 4096, 9846)),
    (r"dolly", Lengths(170, 200, 4096, 15011)),
    (r"fudan", Lengths(3234, 2547, 19548)),
    (r"gsm8k", Lengths(190, 70, 600, 7473)),
    (r"ultrachat", Lengths(1100, 550, 4096, 207865)),
    (r"ultrafeedback", Lengths(500, 330, 4096, 61135)),
    (r"sharegpt", Lengths(1500, 1300, 16384, 90000)),
)


def of_dataset(text: str) -> Lengths | None:
    """Of the data set that a cell names, or says the lengths of ("mean 3234 tokens", "8055 tokens x 12000 rows")."""
    known = next((lengths for pattern, lengths in _KNOWN if re.search(pattern, text.lower())), None)
    told = re.search(r"(?:mean|average|avg)\D{0,12}([\d,]+(?:\.\d+)?)\s*(?:tokens|tok)?", text.lower()) or re.search(
        r"([\d,]{2,})\s*tokens", text.lower()
    )
    if told is None:
        return known
    mean = float(told[1].replace(",", ""))
    if mean <= 0:
        return known
    spread = known.deviation / known.mean if known else _PLAIN_DEVIATION
    rows = re.search(r"([\d,]+)\s*(k?)\s*(?:rows|samples|examples)", text.lower())
    count = int(rows[1].replace(",", "") or 0) * (1000 if rows[2] else 1) if rows else None
    return Lengths(mean, mean * spread, known.longest if known else mean * 8, count or (known.rows if known else None))
