"""The commands; no logic. A user's mistake is one sentence on standard error, never a traceback."""

from danlu.cli.entry import main

__all__ = ["main"]
