"""One writer per run, and the second is told who the first is."""

import os
import subprocess
import sys

import pytest

from danlu.errors import RunLocked
from danlu.run.lock import only_writer


def test_a_second_writer_is_told_who_holds_the_run(tmp_path):
    with (
        only_writer(tmp_path),
        pytest.raises(RunLocked, match=rf"is held by process {os.getpid()} on .*--out") as caught,
        only_writer(tmp_path),
    ):
        pass
    assert caught.value.exit_code == 6
    with only_writer(tmp_path):
        pass


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    holding = (
        "import pathlib, sys, time; from danlu.run.lock import only_writer\n"
        "with only_writer(pathlib.Path(sys.argv[1])):\n    print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", holding, str(tmp_path)], stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(RunLocked, match=f"process {holder.pid}"), only_writer(tmp_path):
        pass
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with only_writer(tmp_path):
        pass
