"""Packed tokens on disk for the tests of training."""

import pytest
from training_material import documents

from danlu.tokens import write_shards


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    made = list(documents(24))
    write_shards(folder, [made[i : i + 3] for i in range(0, 24, 3)], {})
    return folder
