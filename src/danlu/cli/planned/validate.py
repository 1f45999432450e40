"""`danlu plan --validate`: published runs beside what the planner says of them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from danlu.artefact import write_text
from danlu.compute.validation.case import TARGETS, Target
from danlu.compute.validation.published import judge, read_cases, table
from danlu.compute.validation.score import Score, score

SCHEMA = "danlu/plan-validation-1"
_REASONS = 6  # of rows without a prediction, the most frequent
_RULES = (
    "Error: |predicted / actual - 1|. Publishers count equally; releases of one are one; serving's modes are apart.",
    "Rows marked analytic, estimate or quoted do not judge, nor do serving rows that contradict physics: a time per "
    "token under the bandwidth floor of the weights it must read, or closed-loop rate x time per token above the "
    "concurrency.",
)


def validate(files: Sequence[Path], predictions: Path | None, *, as_json: bool) -> None:
    """Predict every row of the files, and say how far off that is. predictions: where each row is written to."""
    rows = [row for path in files for row in judge(read_cases(path))]
    if predictions is not None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(table(rows))
        write_text(predictions, text.getvalue())
    scores = {t: score(found) for t in TARGETS if (found := [row for row in rows if row.case.target == t])}
    if as_json:
        typer.echo(json.dumps({"schema": SCHEMA, **{t: s.to_json() for t, s in scores.items()}}))
        return
    console = Console(highlight=False)
    for target, of_target in scores.items():
        _show(target, of_target, console)
    for rule in _RULES:
        console.print(rule, style="dim")
    if predictions is not None:
        console.print(f"Each row: {predictions}")


def _show(target: Target, found: Score, console: Console) -> None:
    console.print(f"[bold]{target}[/]: {found.predicted} of {found.n} figures predicted")
    console.print(_sources(found))
    for name, values in found.yardsticks.items():
        theirs, ours = values["mean_of_source_medians"], values["danlu_on_the_same_rows"]
        console.print(f"  {name}: {theirs:.1%}, danlu on the same {values['n']:.0f} rows {ours:.1%}")
    for title, reasons in (("Not predicted", found.unpredicted), ("Do not judge", found.set_aside)):
        _say_reasons(title, reasons, console)
    console.print()


def _sources(found: Score) -> Table:
    grid = Table(box=None, padding=(0, 2), pad_edge=False)
    grid.add_column("  source")
    for name in ("rows", "median", "p90", "bias", "in its interval"):
        grid.add_column(name, justify="right")
    for name, s in found.sources.items():
        rows = f"{s.predicted} of {s.n}" if s.predicted < s.n else f"{s.n}"
        grid.add_row(f"  {name}", rows, *_percents(s.median, s.p90, s.bias, s.interval_coverage))
    totals = (found.mean_of_source_medians, found.p90, found.bias, found.interval_coverage)
    grid.add_row("  [bold]mean of sources[/] (p90: of rows)", f"{found.predicted}", *_percents(*totals))
    return grid


def _percents(error: float | None, p90: float | None, bias: float | None, inside: float | None) -> tuple[str, ...]:
    plain = [("-" if value is None else f"{value:.1%}") for value in (error, p90)]
    return (*plain, "-" if bias is None else f"{bias:+.1%}", "-" if inside is None else f"{inside:.0%}")


def _say_reasons(title: str, reasons: Mapping[str, int], console: Console) -> None:
    if not reasons:
        return
    console.print(f"  {title}:")
    for reason, count in list(reasons.items())[:_REASONS]:
        console.print(f"    {count} x {reason}")
    if len(reasons) > _REASONS:
        left = list(reasons.values())[_REASONS:]
        console.print(f"    {sum(left)} x {len(left)} other reasons; --predictions lists each row")
