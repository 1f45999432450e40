"""Writes the two files of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from danlu.artefact import write_text
from danlu.run.report.contents import Evidence, report
from danlu.run.report.markdown import markdown
from danlu.run.report.page import page


def write_report(
    folder: Path,
    run: Mapping[str, Any],
    *,
    plan: Mapping[str, Any],
    card: Mapping[str, Any],
    evaluation: Mapping[str, Any],
    trajectory: Sequence[Mapping[str, Any]],
) -> None:
    """Write folder/report.md and folder/report.html.

    run: as run.json (`danlu/run-1`), and if known `recipe` (as JSON), `versions` {library: version}, `code`, and
    `diversity` {mean_nearest, max_nearest}, how near the held-out items stand to the training rows.
    What was measured stands between <!-- measured --> and <!-- /measured -->; the rest is the same, byte for byte,
    for the same evidence.
    """
    content = report(Evidence(run, plan, card, evaluation, trajectory))
    write_text(folder / "report.md", markdown(content))
    write_text(folder / "report.html", page(content))
