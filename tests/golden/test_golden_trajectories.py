"""Fifty steps of the recipes' training are what they were. How to store others: trajectories.py."""

import pytest
from trajectories import RECIPES, STEPS, stored, trajectory

TOLERANCE = 2e-3  # of a loss


@pytest.mark.slow
@pytest.mark.parametrize("name", list(RECIPES))
def test_the_golden_trajectory_holds(name, tmp_path):
    rows, golden = trajectory(name, tmp_path), stored(name)
    assert len(rows) == STEPS
    assert [row["tokens"] for row in rows] == golden["tokens"], "other data, or another order"
    assert [row["lr"] for row in rows] == pytest.approx(golden["lr"], rel=1e-6)
    assert [row["loss"] for row in rows] == pytest.approx(golden["loss"], rel=TOLERANCE)
    assert [row["grad_norm"] for row in rows] == pytest.approx(golden["grad_norm"], rel=10 * TOLERANCE)
