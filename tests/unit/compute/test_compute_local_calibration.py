import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_material import LAPTOP, SMOLLM2, training, workload

from danlu.compute import Calibration, Probe, Ratio, Replies
from danlu.compute import plan_stages as plan
from danlu.compute.local.calibration import VERSION
from danlu.compute.local.probe import Counted, Measured


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


def test_what_another_run_had_done_already_counts_as_time():
    described = planned().to_json()
    whole, part = past(described, factor=1.2), past(described, factor=1.2)
    for stage in part["actual"]["stages"]:
        if stage["name"] == "evaluate":
            stage["reused_s"] = 0.7 * stage["wall_s"]
            stage["wall_s"] *= 0.3
    assert seconds(planned([part]), "evaluate") == pytest.approx(seconds(planned([whole]), "evaluate"))


def test_runs_of_the_same_model_and_step_count_for_more():
    like = planned().to_json()
    other = {**like, "model": {**like["model"], "num_parameters": 7}}
    calibration = Calibration.from_history([past(like, 1.0), past(other, 2.0)], LAPTOP.name, like)
    assert 1 < calibration.time("train").value < 1.2
    assert (
        calibration.time("train").spread
        < Calibration.from_history([past(other)], LAPTOP.name, like).time("train").spread
    )


def test_ranks_other_than_the_first_are_not_measured_and_teach_no_memory():
    one, two = (plan(training(), SMOLLM2, workload(ranks=r), LAPTOP).to_json() for r in (1, 2))
    assert "train" in Calibration.from_history([past(one, memory=1.5)], LAPTOP.name).memories
    assert "train" not in Calibration.from_history([past(two, memory=1.5)], LAPTOP.name).memories


def measured(factor=1.0, memory=1.0, **changes):
    """A probe in which every part took `factor` times what the formulas say."""
    parts = (
        "base",
        "items",
        "data",
        "ready",
        "steps",
        "snapshots",
        "save",
        "engines",
        "read",
        "decode",
        "score texts",
        "report",
    )
    return Probe(
        times={part: Measured(factor, 1.0) for part in parts},
        memories={phase: Measured(memory, 1.0) for phase in ("train", "evaluate")},
        rates={"bf16": 2e11, "memory": 1.5e10},
        **changes,
    )


def probed(probe, rows=(), **changes):
    calibration = Calibration.from_history(rows, LAPTOP.name, planned().to_json())
    return plan(training(), SMOLLM2, workload(**changes), LAPTOP, calibration, probe=probe)


def test_a_probe_corrects_every_stage_and_narrows_its_interval():
    made, formulas = probed(measured(1.4, 0.8)), planned()
    assert made.time_s == pytest.approx(1.4 * formulas.time_s)
    assert made.memory_bytes == pytest.approx(0.8 * formulas.memory_bytes)
    assert {p: v["bytes"] / v["model_bytes"] for p, v in made.phases.items()} == pytest.approx(
        {"train": 0.8, "save": 0.8, "evaluate": 0.8}
    )
    assert all(s.high_s / s.time_s < 1.2 for s in made.stages)
    assert [s.model_s for s in made.stages] == [s.model_s for s in formulas.stages]


def test_a_part_that_was_not_measured_keeps_its_stage_unsure():
    whole = measured(1.4)
    half = Probe(
        {p: m for p, m in whole.times.items() if p not in {"decode", "score texts"}}, whole.memories, whole.rates
    )
    one, other = (next(s for s in probed(p).stages if s.name == "evaluate") for p in (whole, half))
    assert other.high_s / other.low_s > 1.5 * one.high_s / one.low_s


def test_a_probe_of_another_recipe_is_trusted_less_and_counts_no_work():
    counted = Counted(9, 9.0, 9.0, 1.0, 9.0, 9.0, ((9.0, 1.0, Replies(3, 4)),), ((9.0, 4.0),))
    own = measured(1.4, counted=counted)
    spreads = [
        probed(own.seen(kind)).stages[3].high_s / probed(own.seen(kind)).stages[3].time_s
        for kind in ("recipe", "base", "machine")
    ]
    assert spreads == sorted(spreads)
    assert own.seen("base").counted is None
    assert own.seen("recipe") is own


def test_past_runs_outweigh_a_probe_the_more_of_them_there_are():
    described = planned().to_json()
    few, many = (probed(measured(1.0), [past(described, 1.5)] * n).stages[3] for n in (1, 12))
    formulas = seconds(planned(), "train")
    assert formulas < few.time_s < many.time_s < 1.5 * formulas
    assert seconds(probed(measured(1.0)), "train") == pytest.approx(formulas)


def test_a_probe_beside_other_programs_says_so_and_is_less_sure():
    quiet, busy = (probed(measured(1.4, busy=share)) for share in (0.0, 0.5))
    assert any("other programs took 50%" in line for line in busy.assumptions)
    assert not any("other programs" in line for line in quiet.assumptions)
    assert busy.stages[3].high_s > quiet.stages[3].high_s


def test_a_probe_survives_json():
    import json

    counted = Counted(9, 9.0, 9.0, 0.8, 9.0, 9.0, ((9.0, 1.0, Replies(3, 4)), (8.0, 0.0, None)), ((9.0, 4.0),))
    probe = measured(1.1, counted=counted)
    assert Probe.from_json(json.loads(json.dumps(probe.to_json()))) == probe


@given(st.floats(0.3, 3), st.floats(0.3, 3), st.floats(0.02, 0.5), st.floats(0.02, 0.5))
def test_two_evidences_agree_between_them_and_are_surer_than_either(one, other, sigma, theirs):
    together = Ratio.known(one, sigma).with_(Ratio.known(other, theirs))
    assert min(one, other) * 0.999 <= together.value <= max(one, other) * 1.001
    assert together.spread <= min(Ratio.known(one, sigma).spread, Ratio.known(other, theirs).spread) * 1.001


@pytest.mark.parametrize("runs", [1, 2, 4, 12])
@pytest.mark.parametrize("spread", [0.1, 0.2, 0.3])
def test_four_of_five_next_runs_lie_in_the_interval_where_recipes_differ_as_they_do(runs, spread):
    """spread: of log(actual / predicted) between recipes; the code expects 0.2."""
    rng, inside, trials = random.Random(runs), 0, 1500
    for _ in range(trials):
        *seen, following = (math.exp(rng.gauss(0.3, spread)) for _ in range(runs + 1))
        ratio = Ratio.of(seen)
        inside += ratio.value / ratio.spread <= following <= ratio.value * ratio.spread
    least, most = {0.1: (0.78, 1.0), 0.2: (0.74, 0.88), 0.3: (0.55, 0.85)}[spread]
    assert least < inside / trials < most
