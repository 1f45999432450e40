"""danlu as its user runs it: a process of its own, in a folder of the test's."""

import os
import subprocess
import sys


def danlu(folder, *arguments):
    program = "from danlu.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
