"""What a stage cost, and what other runs had spent on parts of it."""

import json

import pytest

from danlu.artefact import write_json
from danlu.run.measure import NAME, Meter, lend, read, reused_s


def built(folder, wall_s):
    folder.mkdir()
    write_json(folder / NAME, {"wall_s": wall_s, "cpu_s": wall_s, "peak_rss_bytes": 7})
    return folder


def test_parts_that_other_runs_built_add_up(tmp_path):
    whole = built(tmp_path / "evaluate", 30.0)
    assert reused_s(whole) == 0
    lend(whole, built(tmp_path / "answers", 70.0))
    lend(whole, built(tmp_path / "baselines", 5.0))
    assert reused_s(whole) == pytest.approx(75.0)
    assert read(whole).wall_s == 30.0  # what it took here stays what it was


def test_all_attempts_at_a_stage_count(tmp_path):
    folder = built(tmp_path / "train", 10.0)
    meter = Meter(folder)
    meter.write()
    assert json.loads((folder / NAME).read_text())["wall_s"] >= 10.0
    assert meter.cost().peak_rss_bytes > 1e6
