"""How far predictions are from published figures, publisher by publisher.

Publishers count equally, whatever the number of their rows, and releases of one are one: rows of one page are not
independent. Serving's modes are scored apart, so that a source there is a publisher and a mode. The error of a row is
|predicted / actual - 1|; a source's is the median over its rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

from danlu.compute.estimate import Estimate
from danlu.compute.validation.case import Case


@dataclass(frozen=True, slots=True)
class Judged:
    """A case with what the planner says of it. estimate: None where it cannot say, and `reason` says why.

    yardsticks: what simpler rules say of the same row, by their names.
    """

    case: Case
    estimate: Estimate | None
    reason: str = ""
    yardsticks: tuple[tuple[str, float], ...] = ()

    @property
    def source(self) -> str:
        """Whose figure, and how it was measured where that matters."""
        return f"{self.case.publisher}, {self.case.mode}" if self.case.mode else self.case.publisher

    @property
    def error(self) -> float:
        """Signed and relative: 0.1 says 10% too much."""
        assert self.estimate is not None
        return self.estimate.value / self.case.actual - 1

    @property
    def inside(self) -> bool:
        """Whether the figure lies in the 80% interval."""
        assert self.estimate is not None
        return self.estimate.low <= self.case.actual <= self.estimate.high


@dataclass(frozen=True, slots=True)
class SourceScore:
    """One source. n: figures that judge; median, p90: of the absolute error; bias: median of the signed one."""

    n: int
    predicted: int
    median: float | None
    p90: float | None
    bias: float | None
    interval_coverage: float | None


@dataclass(frozen=True, slots=True)
class Score:
    """One target over all sources. yardsticks: the same errors of simpler rules, beside the planner's on their rows."""

    n: int
    predicted: int
    sources: Mapping[str, SourceScore]
    p90: float | None
    yardsticks: Mapping[str, Mapping[str, float]]
    unpredicted: Mapping[str, int]
    set_aside: Mapping[str, int]

    @property
    def mean_of_source_medians(self) -> float | None:
        """The figure that counts."""
        return _mean(s.median for s in self.sources.values())

    @property
    def bias(self) -> float | None:
        """Mean of the sources' medians of the signed error."""
        return _mean(s.bias for s in self.sources.values())

    @property
    def interval_coverage(self) -> float | None:
        """Share of figures in their 80% interval, a mean over sources."""
        return _mean(s.interval_coverage for s in self.sources.values())

    def to_json(self) -> dict[str, Any]:
        """As `danlu plan --validate --json` gives it."""
        names = SourceScore.__slots__
        return {
            "n": self.n,
            "predicted": self.predicted,
            "coverage": self.predicted / self.n if self.n else None,
            "mean_of_source_medians": self.mean_of_source_medians,
            "p90": self.p90,
            "bias": self.bias,
            "interval_coverage": self.interval_coverage,
            "sources": {key: {n: getattr(s, n) for n in names} for key, s in self.sources.items()},
            "yardsticks": {name: dict(values) for name, values in self.yardsticks.items()},
            "unpredicted": dict(self.unpredicted),
            "set_aside": dict(self.set_aside),
        }


def score(rows: Iterable[Judged]) -> Score:
    """Of one target's rows. Rows that do not judge are counted by reason, and weigh nothing."""
    kept = list(rows)
    judging = [row for row in kept if row.case.judges]
    by_source: dict[str, list[Judged]] = {}
    for row in judging:
        by_source.setdefault(row.source, []).append(row)
    predicted = [row for row in judging if row.estimate is not None]
    return Score(
        n=len(judging),
        predicted=len(predicted),
        sources={name: _source(group) for name, group in sorted(by_source.items())},
        p90=_quantile([abs(row.error) for row in predicted], 0.9),
        yardsticks=_yardsticks(predicted),
        unpredicted=_counted(row.reason for row in judging if row.estimate is None),
        set_aside=_counted(row.case.reason for row in kept if not row.case.judges),
    )


def _source(rows: Sequence[Judged]) -> SourceScore:
    known = [row for row in rows if row.estimate is not None]
    errors = [row.error for row in known]
    return SourceScore(
        n=len(rows),
        predicted=len(known),
        median=_quantile([abs(e) for e in errors], 0.5),
        p90=_quantile([abs(e) for e in errors], 0.9),
        bias=_quantile(errors, 0.5),
        interval_coverage=_mean(float(row.inside) for row in known),
    )


def _yardsticks(rows: Sequence[Judged]) -> dict[str, dict[str, float]]:
    """Mean of source medians of each yardstick, and danlu's on the rows that the yardstick has."""
    found: dict[str, dict[str, float]] = {}
    for name in sorted({name for row in rows for name, _ in row.yardsticks}):
        theirs: dict[str, list[float]] = {}
        ours: dict[str, list[float]] = {}
        for row in rows:
            said = dict(row.yardsticks).get(name)
            if said is not None:
                theirs.setdefault(row.source, []).append(abs(said / row.case.actual - 1))
                ours.setdefault(row.source, []).append(abs(row.error))
        found[name] = {
            "n": sum(map(len, theirs.values())),
            "mean_of_source_medians": fmean(median(v) for v in theirs.values()),
            "danlu_on_the_same_rows": fmean(median(v) for v in ours.values()),
        }
    return found


def _counted(reasons: Iterable[str]) -> dict[str, int]:
    return dict(Counter(reasons).most_common())


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _quantile(values: Sequence[float], share: float) -> float | None:
    """Between the two nearest values, as numpy does by default."""
    if not values:
        return None
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])
