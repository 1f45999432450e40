"""The evidence, for someone who did not run it: report.md and report.html, and the closing table of a run."""

from danlu.run.report.write import write_report

__all__ = ["write_report"]
