"""How long the rows of a fine-tuning data set are: the mean decides time, the longest decides memory.

Lengths of rows with their prompt, in tokens of a vocabulary of 32k to 128k, read from the data sets' own pages, from
LitGPT's resource tables (longest Alpaca row: 1,304 Llama-2 tokens) and from published runs without padding.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

_PLAIN_DEVIATION = 0.6  # of rows whose spread nobody tells, as a share of their mean
_CELLS = 400  # of the sum that stands for an integral


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens of rows, taken as gamma-distributed. rows: of one epoch, where it is known."""

    mean: float
    deviation: float
    longest: float
    rows: int | None = None

    def _density(self, tokens: float) -> float:
        """Up to a factor."""
        shape = (self.mean / self.deviation) ** 2
        scale = self.mean / shape
        return math.exp((shape - 1) * math.log(tokens / self.mean) - (tokens - self.mean) / scale)

    def _cells(self, top: float) -> Iterator[tuple[float, float]]:
        """Middle and weight of slices up to `top`, finer at the short end."""
        edges = [top * (i / _CELLS) ** 2 for i in range(_CELLS + 1)]
        for low, high in pairwise(edges):
            middle = (low + high) / 2
            yield middle, self._density(middle) * (high - low)

    def _expected(self, of: Callable[[float], float], top: float) -> float:
        cells = list(self._cells(top))
        return sum(of(tokens) * weight for tokens, weight in cells) / sum(weight for _, weight in cells)

    def kept(self, cap: float | None) -> Lengths:
        """Of the rows no longer than the cap, where longer ones are dropped."""
        if cap is None or cap >= self.longest:
            return self
        mean = self._expected(lambda tokens: tokens, cap)
        square = self._expected(lambda tokens: tokens**2, cap)
        share = self._expected(lambda tokens: float(tokens <= cap), self.longest)
        rows = None if self.rows is None else max(1, round(self.rows * share))
        return Lengths(mean, max(math.sqrt(max(square - mean**2, 0.0)), 0.01 * mean), cap, rows)

    def cut(self, cap: float | None) -> Lengths:
        """Where longer rows lose their end."""
        if cap is None or cap >= self.longest:
            return self
        mean = self._expected(lambda tokens: min(tokens, cap), self.longest)
        square = self._expected(lambda tokens: min(tokens, cap) ** 2, self.longest)
        return Lengths(mean, max(math.sqrt(max(square - mean**2, 0.0)), 0.01 * mean), cap, self.rows)

    def padded(self, micro: int) -> float:
        """Mean tokens of a row where `micro` rows are padded to the longest of them."""
        if micro <= 1:
            return self.mean
        cells = list(self._cells(self.longest))
        whole = sum(weight for _, weight in cells)
        mean = below = 0.0
        for tokens, weight in cells:  # the largest of so many draws is no longer than a draw's chance to that power
            upto = below + weight / whole
            mean += tokens * (upto**micro - below**micro)
            below = upto
        return mean


USUAL = Lengths(400, 300, 8192)  # instructions that nobody describes

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
    cell = text.lower()
    known = next((lengths for pattern, lengths in _KNOWN if re.search(pattern, cell)), None)
    told = re.search(r"(?:mean|average|avg)\D{0,12}([\d,]+(?:\.\d+)?)\s*(?:tokens|tok)?", cell) or re.search(
        r"([\d,]{2,})\s*tokens", cell
    )
    if told is None:
        return known
    mean = float(told[1].replace(",", ""))
    if mean <= 0:
        return known
    spread = known.deviation / known.mean if known else _PLAIN_DEVIATION
    rows = re.search(r"([\d,]+)\s*(k?)\s*(?:rows|samples|examples)", cell)
    count = int(rows[1].replace(",", "") or 0) * (1000 if rows[2] else 1) if rows else None
    return Lengths(mean, mean * spread, known.longest if known else mean * 8, count or (known.rows if known else None))
