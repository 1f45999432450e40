import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_material import LAPTOP, SMOLLM2, training, workload

from danlu.compute import Calibration, Ratio
from danlu.compute import plan_stages as plan
from danlu.compute.local.calibration import VERSION


def past(described, factor=1.0, memory=1.0, hardware=LAPTOP.name):
    """A run that took `factor` times what the formulas said."""
    peaks = {"train": max(described["phases"][p]["model_bytes"] for p in ("train", "save"))}
    peaks["evaluate"] = described["phases"]["evaluate"]["model_bytes"]
    stages = [
        {
            "name": s["name"],
            "wall_s": factor * s["model_s"],
            "cpu_s": s["model_s"],
            "peak_rss_bytes": memory * peaks.get(s["name"], 0),
        }
        for s in described["stages"]
    ]
    return {"hardware": hardware, "plan": described, "actual": {"stages": stages}}


def seconds(made, name):
    return next(stage.time_s for stage in made.stages if stage.name == name)


def planned(rows=(), **changes):
    calibration = Calibration.from_history(rows, LAPTOP.name)
    return plan(training(), SMOLLM2, workload(**changes), LAPTOP, calibration)


def test_a_past_run_corrects_the_next_plan_of_another_recipe():
    first = planned()
    second = planned([past(first.to_json(), factor=1.6, memory=0.8)], tokens=90_000, supervised=40_000)
    formulas = planned(tokens=90_000, supervised=40_000)
    for name in ("data", "train", "evaluate", "report"):
        assert seconds(second, name) == pytest.approx(1.6 * seconds(formulas, name))
    for name in ("base", "items"):  # what a network and a cache took once says nothing
        assert seconds(second, name) == seconds(formulas, name)
    assert second.memory_bytes == pytest.approx(0.8 * formulas.memory_bytes)


def test_learning_does_not_learn_from_its_own_correction():
    rows = [past(planned().to_json(), factor=1.6)]
    for _ in range(3):
        corrected = planned(rows)
        rows.append(past(corrected.to_json(), factor=1.6))
    assert seconds(planned(rows), "train") == pytest.approx(1.6 * seconds(planned(), "train"))


def test_intervals_narrow_with_runs_that_agree():
    row = past(planned().to_json(), factor=1.3)
    widths = [planned([row] * n).stages[3] for n in (0, 1, 3, 10)]
    spreads = [stage.high_s / stage.low_s for stage in widths]
    assert spreads == sorted(spreads, reverse=True)
    assert spreads[0] == pytest.approx(4)  # a factor of two to each side before the first run here


def test_intervals_stay_wide_where_runs_disagree():
    described = planned().to_json()
    rows = [past(described, factor=f) for f in (0.6, 1.0, 1.7)]
    agreeing = planned([past(described)] * 3).stages[3]
    assert planned(rows).stages[3].high_s > agreeing.high_s


def test_other_hardware_teaches_nothing():
    described = planned().to_json()
    assert planned([past(described, factor=5, hardware="another")]).time_s == planned().time_s


def test_plans_by_other_formulas_teach_nothing():
    described = {**planned().to_json(), "formulas_version": 0}
    assert planned([past(described, factor=5, memory=5)]).to_json() == planned().to_json()


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"hardware": LAPTOP.name},
        {"hardware": LAPTOP.name, "plan": None, "actual": None},
        {
            "hardware": LAPTOP.name,
            "plan": {"formulas_version": VERSION, "stages": [{"name": "train"}]},
            "actual": {"stages": [{"name": "train"}]},
        },
        {
            "hardware": LAPTOP.name,
            "plan": {
                "formulas_version": VERSION,
                "stages": [{"name": "train", "model_s": 0.0}],
                "phases": {"train": {}},
            },
            "actual": {"stages": [{"name": "train", "wall_s": 3.0, "peak_rss_bytes": 0}]},
        },
    ],
)
def test_rows_without_figures_teach_nothing(row):
    assert planned([row]).time_s == planned().time_s


def test_a_plan_says_what_it_learnt_from():
    assert "no run on this hardware is on record" in planned().assumptions[0]
    assert "corrected by 1 past run" in planned([past(planned().to_json())]).assumptions[0]


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=8))
def test_a_ratio_lies_among_what_was_observed(observed):
    ratio = Ratio.of(observed)
    assert min(observed) * 0.999 <= ratio.value <= max(observed) * 1.001
    assert 1 < ratio.spread <= 2
