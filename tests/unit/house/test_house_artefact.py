"""Artefacts are written whole or not at all; errors are sentences."""

import errno
import json

import pytest

from danlu import artefact
from danlu.errors import ACCEPTABLE, REFUSALS, DanluError, DataError, Refusal, StorageError, Waivers


def test_a_write_that_fails_leaves_the_old_content(tmp_path):
    path = tmp_path / "kept.json"
    artefact.write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        artefact.write_json(path, {"a": float("nan")})
    with pytest.raises(RuntimeError), artefact.replacing(path) as neighbour:
        neighbour.write_text("half")
        raise RuntimeError
    assert json.loads(path.read_text()) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["kept.json"]


def test_a_full_disk_is_one_sentence(tmp_path):
    with pytest.raises(StorageError, match="the disk is full"), artefact.storing(tmp_path):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_malformed_jsonl_names_its_line(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n\n{"a": \n')
    with pytest.raises(DataError, match=r"rows\.jsonl:3: not valid JSON"):
        list(artefact.read_jsonl(path))


def test_jsonl_round_trips(tmp_path):
    path = tmp_path / "rows.jsonl"
    artefact.write_jsonl(path, [{"丹": "炉"}, [1, 2]])
    assert list(artefact.read_jsonl(path)) == [(1, {"丹": "炉"}), (2, [1, 2])]


def test_the_hash_of_a_folder_sees_names_and_bytes_and_no_hidden_files(tmp_path):
    (tmp_path / "a").write_text("1")
    first = artefact.hash_folder(tmp_path)
    (tmp_path / ".lock").write_text("x")
    assert artefact.hash_folder(tmp_path) == first
    (tmp_path / "a").rename(tmp_path / "b")
    assert artefact.hash_folder(tmp_path) != first


def test_a_refusal_is_accepted_only_where_the_contract_allows_it():
    with pytest.raises(Refusal) as caught:
        Waivers().refuse(14, "items in the data.")
    assert caught.value.number == 14
    assert '--accept 14 --because "your reason"' in str(caught.value)
    Waivers({14: "the items are public"}).refuse(14, "items in the data.")
    for number in set(REFUSALS) - ACCEPTABLE:
        with pytest.raises(DanluError, match="cannot be accepted"):
            Waivers({number: "because"})


def test_a_waiver_needs_a_reason():
    with pytest.raises(DanluError, match="needs --because"):
        Waivers({14: " "})
