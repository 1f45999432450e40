"""What `danlu data build` shows: step by step, source by source, and what is easily overlooked."""

import json

import pytest
from rich.console import Console

from danlu.cli import data as command

CARD = {
    "steps": [
        {"name": "filter", "rows_in": 1200, "rows_out": 1100, "removed": {"repetition": 60, "short replies": 40}}
    ],
    "sources": [
        {
            "name": "calls",
            "licence": "unknown",
            "rows_in": 1200,
            "rows_kept": 0,
            "tokens": 0,
            "supervised_tokens": 0,
            "lost_tokens": 9,
        }
    ],
    "num_documents": 3,
    "num_packs": 1,
    "max_length": 100,
    "num_tokens": 90,
    "num_supervised_tokens": 30,
    "distinct_4": 0.5,
    "decontaminate": {"items": 20, "unchecked": ["a:1"], "kept": []},
    "output_sha256": "f" * 64,
    "cpu_s": 1.25,
}


def test_the_table_tells_what_was_removed_and_why():
    console = Console(record=True, width=100)
    command.show(CARD, console)
    text = console.export_text()
    assert "filter    1,200     1,100  60 repetition, 40 short replies" in text
    assert "3 documents in 1 packs of 100 tokens, 90% full; 30 of 90 tokens supervised" in text
    assert "note calls: no row is left." in text
    assert "note calls: the licence is unknown." in text
    assert "note 1 of 20 evaluation items are too short to be recognised." in text


@pytest.mark.parametrize(
    ("check", "told"),
    [
        (None, "evaluation items were not looked for."),
        ({"items": 1, "unchecked": [], "kept": ["calls:3"]}, "rows with evaluation items were kept: calls:3."),
    ],
)
def test_contamination_that_was_accepted_is_shown(check, told):
    assert told in command.warnings({**CARD, "decontaminate": check})


def test_with_json_standard_output_is_one_object_with_the_card(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(command, "build_data", lambda request, emit: {"schema": "danlu/data-build-1", **CARD})
    command.build(tmp_path / "r.yaml", out=tmp_path, as_json=True)
    printed = json.loads(capsys.readouterr().out)
    assert printed["schema"] == "danlu/data-build-1"
    assert {"steps", "output_sha256", "cpu_s"} <= set(printed)
