"""events.jsonl holds whole lines, also after a crash."""

import contextlib
import json

from danlu.run.events import Events


def test_each_event_is_on_disk_at_once_and_a_torn_line_is_dropped(tmp_path):
    path, heard = tmp_path / "run" / "events.jsonl", []
    with contextlib.closing(Events(path, lambda *event: heard.append(event))) as events:
        events("step", {"loss": 1.5})
        assert json.loads(path.read_text())["loss"] == 1.5
    with path.open("a") as handle:
        handle.write('{"event": "st')
    with contextlib.closing(Events(path, lambda *_: None)) as events:
        events("step", {"loss": 1.25, "path": path})
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["loss"] for row in rows] == [1.5, 1.25]
    assert heard == [("step", {"loss": 1.5})]
