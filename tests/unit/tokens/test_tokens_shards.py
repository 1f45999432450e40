"""Shards read back what was written, and are named by their content."""

import numpy as np
import pytest

from danlu.errors import DataError
from danlu.tokens import Document, Shards, write_shards


def document(*ids, source="a", row_id="a:1"):
    return Document(np.array(ids, np.int32), np.array([i % 2 == 0 for i in ids]), source, row_id)


PACKS = [[document(2, 2, 3), document(5, row_id="a:2")], [document(4, 6, source="b")]]


def test_packs_read_back_as_they_were_written(tmp_path):
    manifest = write_shards(tmp_path, PACKS, {"max_length": 8})
    shards = Shards(tmp_path)
    assert len(shards) == 2
    assert [[d.ids.tolist() for d in shards.pack(i)] for i in range(2)] == [[[2, 2, 3], [5]], [[4, 6]]]
    assert [d.mask.tolist() for d in shards.pack(0)] == [[True, True, False], [False]]
    assert [d.source for d in shards.documents()] == ["a", "a", "b"]
    assert manifest == shards.manifest
    assert manifest["num_tokens"] == 6
    assert manifest["num_supervised_tokens"] == 2  # a document's first token has nothing to be predicted from
    assert manifest["documents_by_source"] == {"a": 2, "b": 1}


def test_the_hash_names_the_content(tmp_path):
    one = write_shards(tmp_path / "1", PACKS, {})["sha256"]
    assert write_shards(tmp_path / "2", PACKS, {})["sha256"] == one
    changed = [[document(2, 2, 3), document(7, row_id="a:2")], PACKS[1]]
    assert write_shards(tmp_path / "3", changed, {})["sha256"] != one


def test_unfinished_shards_are_no_shards(tmp_path):
    write_shards(tmp_path, PACKS, {})
    (tmp_path / "manifest.json").unlink()
    with pytest.raises(DataError, match="no finished data here"):
        Shards(tmp_path)
