"""The command line's entry: exit codes, and what a mistake looks like. Commands are imported late, so that Ctrl-C is
heard from the first moment.
"""

from __future__ import annotations

import json
import sys

from danlu.errors import DanluError, Refusal

_INTERRUPTED = 130


def main() -> None:
    """Run a command; exit codes are those of danlu.errors, 130 for Ctrl-C."""
    try:
        from danlu.cli.app import assemble

        code = assemble(*sys.argv[1:2])(standalone_mode=False)
    except DanluError as error:
        code = _complain(error)
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except Exception as error:
        usage = getattr(error, "format_message", None)  # the words of typer for a wrong option
        if usage is None:
            raise
        sys.stderr.write(f"error: {usage()} Try --help.\n")
        code = 2
    if code == _INTERRUPTED:
        sys.stderr.write("\ninterrupted. What was finished is kept: the same command continues.\n")
    sys.exit(code if isinstance(code, int) else 0)


def _complain(error: DanluError) -> int:
    """One sentence on standard error, and with --json the same as an object on standard output."""
    number = error.number if isinstance(error, Refusal) else None
    sys.stderr.write(f"{'error' if number is None else f'refused (number {number})'}: {error}\n")
    if "--json" in sys.argv:
        described = {"kind": type(error).__name__, "message": str(error), "refusal": number}
        sys.stdout.write(json.dumps({"schema": "danlu/error-1", "error": described}, ensure_ascii=False) + "\n")
    return error.exit_code
