"""How many tokens the data will have, from a sample: what the plan needs before anything is spent."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from danlu.data.overlong import fit
from danlu.data.row import Row
from danlu.data.sources import read_source
from danlu.errors import DataError
from danlu.recipe.data import Data, GeneratedSource
from danlu.tokens import Rendered, Renderer

SAMPLE = 64


@dataclass(frozen=True, slots=True)
class Sampled:
    """A source as a sample of its rows shows it. rows: as its share leaves them; looked_at: how many were rendered."""

    rows: int
    looked_at: int
    documents: tuple[Rendered, ...]
    replay: bool

    @property
    def tokens(self) -> int:
        """Of one pass over the source."""
        return round(self.rows / self.looked_at * sum(len(document.ids) for document in self.documents))

    @property
    def supervised_tokens(self) -> int:
        """The same of what is learnt from."""
        return round(self.rows / self.looked_at * sum(sum(document.mask[1:]) for document in self.documents))


def estimate(data: Data, *, renderer: Renderer, root: Path) -> dict[str, Sampled]:
    """{source: what a sample of it shows}, as shares and overlong rows leave it.

    Files are read once, for their number of rows; at most 64 rows a source are rendered. Copies and bad rows are
    counted as if they stayed. Raises what `build` raises for the rows in the sample, DataError if none of them fits.
    """
    counted = {}
    longest = 0
    for source in data.sources:
        rows, sample = _sample(read_source(source, data, root, SAMPLE), data.seed)
        if isinstance(source, GeneratedSource):
            rows = source.rows
        fitted = [fit(row, data, renderer) for row in sample]
        longest = max(longest, *(one.longest for one in fitted))
        documents = tuple(document for one in fitted for document in one.documents)
        counted[source.name] = Sampled(round(rows * source.share), len(sample), documents, source.replay)
    if not any(source.tokens for source in counted.values()):
        raise DataError(
            f"no row that was looked at fits: data.max_length is {data.max_length:,}, the longest row has {longest:,} "
            f"tokens, and data.overlong={data.overlong} keeps none. Raise data.max_length, or choose another policy."
        )
    return counted


def _sample(rows: Iterable[Row], seed: int) -> tuple[int, list[Row]]:
    """(number of rows, an even sample of them): reservoir sampling, Vitter 1985, algorithm R."""
    rng = random.Random(seed)
    sample: list[Row] = []
    count = 0
    for count, row in enumerate(rows, start=1):
        place = count - 1 if count <= SAMPLE else int(rng.random() * count)
        if count <= SAMPLE:
            sample.append(row)
        elif place < SAMPLE:
            sample[place] = row
    return count, sample
