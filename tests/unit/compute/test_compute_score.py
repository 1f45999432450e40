"""validation/score.py: publishers count equally, and nothing is dropped in silence."""

import pytest

from danlu.compute.estimate import Estimate
from danlu.compute.validation.case import Case
from danlu.compute.validation.score import Judged, score


def judged(publisher, actual, predicted, *, mode="", judges=True, reason="", yardsticks=()):
    case = Case("id", "tpot", publisher, actual, None, mode, judges, reason)
    estimate = None if predicted is None else Estimate(predicted, 0.9 * predicted, 1.1 * predicted)
    return Judged(case, estimate, reason, yardsticks)


def test_a_publisher_with_many_rows_weighs_as_much_as_one_with_a_single_row():
    rows = [judged("many", 100, 110) for _ in range(50)] + [judged("one", 100, 130)]
    assert score(rows).mean_of_source_medians == pytest.approx(0.2)


def test_modes_of_a_publisher_are_sources_of_their_own():
    rows = [judged("a", 100, 110, mode="offline"), judged("a", 100, 150, mode="online")]
    found = score(rows)
    assert set(found.sources) == {"a, offline", "a, online"}
    assert found.mean_of_source_medians == pytest.approx(0.3)


def test_the_bias_keeps_its_sign():
    rows = [judged("a", 100, 80), judged("b", 100, 90)]
    assert score(rows).bias == pytest.approx(-0.15)


def test_a_row_without_a_prediction_lowers_coverage_and_names_its_reason():
    found = score([judged("a", 100, 100), judged("a", 100, None, reason="no hardware")])
    assert found.to_json()["coverage"] == 0.5
    assert found.unpredicted == {"no hardware": 1}


def test_a_row_that_does_not_judge_weighs_nothing_and_is_counted():
    found = score([judged("a", 100, 100), judged("a", 100, 900, judges=False, reason="quoted")])
    assert found.mean_of_source_medians == 0
    assert found.n == 1
    assert found.set_aside == {"quoted": 1}


def test_interval_coverage_is_the_share_inside():
    found = score([judged("a", 105, 100), judged("a", 120, 100)])
    assert found.interval_coverage == 0.5


def test_a_yardstick_is_compared_on_its_own_rows():
    rows = [judged("a", 100, 110, yardsticks=(("rule", 150.0),)), judged("b", 100, 190)]
    assert score(rows).yardsticks["rule"] == {
        "n": 1,
        "mean_of_source_medians": pytest.approx(0.5),
        "danlu_on_the_same_rows": pytest.approx(0.1),
    }


def test_the_p90_of_rows_lies_between_neighbours():
    rows = [judged("a", 100, 100 + step) for step in range(11)]
    assert score(rows).p90 == pytest.approx(0.09)
