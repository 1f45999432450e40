"""An answer holds together: its parts add up, what is better for a run never makes it worse, and all of it is JSON."""

import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from danlu.compute import plan
from danlu.compute.answer import ask, deployment
from danlu.compute.deployment import deploy
from danlu.compute.grid import Grid
from danlu.compute.sweep import sweep
from danlu.errors import RecipeError

CARD = {"method": "qlora", "seq_len": "8k"}
KEYS = {
    "schema", "verdict", "fits", "question", "model", "hardware", "memory", "remedies", "layout", "runner_up", "step",
    "bottleneck", "relief", "training", "serving", "elsewhere", "assumptions",
}  # fmt: skip


@pytest.fixture(scope="module")
def cluster():
    return plan("llama-3.1-70b", "512xH100", {"tokens": "2T"}, compare=True)


@pytest.fixture(scope="module")
def card():
    return plan("llama-3.1-8b", "RTX 4090", CARD)


def test_json_has_the_promised_keys_and_survives_a_round_trip(cluster):
    described = cluster.to_json()
    assert set(described) >= KEYS
    assert json.loads(json.dumps(described, allow_nan=False))["verdict"] == described["verdict"]
    assert described["schema"].startswith("danlu/")


def test_memory_and_time_are_the_sums_of_their_parts(cluster, card):
    for answer in (cluster, card):
        described = answer.to_json()
        memory, step = described["memory"], described["step"]
        assert sum(memory["items"].values()) == pytest.approx(memory["bytes"]["value"])
        assert sum(step["parts"].values()) == pytest.approx(step["time_s"]["value"])
        assert memory["bytes"]["value"] == pytest.approx(described["layout"]["memory_bytes"])
        assert described["fits"] == (memory["bytes"]["value"] <= memory["usable_bytes"])
        assert memory["bytes"]["low"] < memory["bytes"]["value"] < memory["bytes"]["high"]
        assert described["training"]["time_s"]["value"] == pytest.approx(
            described["training"]["steps"] * step["time_s"]["value"]
        )


def test_tokens_a_second_a_device_and_mfu_are_the_same_fact(cluster):
    step = cluster.to_json()["step"]
    used = step["utilisation"]
    assert step["tokens_per_s_per_device"] * 512 * step["time_s"]["value"] == pytest.approx(step["tokens"])
    assert used["mfu_causal"] * used["peak_flops_per_s"] * step["time_s"]["value"] == pytest.approx(
        used["model_flops_causal"]
    )
    assert used["mfu_causal"] < used["mfu_full"]
    assert used["hfu"] >= used["mfu_causal"]


def test_an_8b_qlora_with_8k_on_24_gb_is_answered_with_what_makes_it_fit(card):
    assert not card.fits
    assert card.verdict.startswith("Does not fit: needs ")
    assert "of 24.0 GB" in card.verdict
    assert card.remedies
    fixed = plan("llama-3.1-8b", "RTX 4090", {**CARD, "loss": "fused"})
    assert fixed.fits
    assert fixed.verdict.startswith("Fits: ")


def test_a_70b_on_512_cards_fits_with_a_layout_and_a_runner_up(cluster):
    described = cluster.to_json()
    assert described["fits"]
    assert described["runner_up"]["slower"] >= 0
    assert 10 * 86_400 < described["training"]["time_s"]["value"] < 100 * 86_400
    assert 0.2 < described["step"]["utilisation"]["mfu_causal"] < 0.7
    assert all(0 < change["saves"] < 1 for change in described["relief"])


def test_each_precision_says_what_it_moves_and_at_which_rate(cluster):
    told = {row["precision"]: row for row in cluster.to_json()["step"]["precisions"]}
    assert told["bf16"]["weight_bytes"] == 2 * told["fp8"]["weight_bytes"] == 4 * told["fp4"]["weight_bytes"]
    assert told["fp4"]["computed_in"] == "fp8"  # an H100 has no fp4
    assert told["fp8"]["peak_flops_per_s"] > told["bf16"]["peak_flops_per_s"]


def test_other_devices_are_compared_and_where_they_lead_is_said(cluster):
    rows = {row["name"]: row for row in cluster.to_json()["elsewhere"]}
    assert "H100 SXM" not in rows
    assert "memory" in rows["MI300X"]["leads_in"]
    assert rows["B200 SXM"]["speed"] > 1
    assert all(row["warning"] for row in rows.values() if row["evidence"] != "measured")


@settings(max_examples=12, deadline=None)
@given(rate=st.floats(100, 3000), more=st.floats(1.01, 4))
def test_more_network_never_makes_the_best_layout_slower(rate, more):
    slow, fast = (
        plan("llama-3.1-8b", "64xH100", {"network": f"{x:f}Gb/s", "batch": 512}).found.best for x in (rate, rate * more)
    )
    assert fast.row_s <= slow.row_s * 1.001


@settings(max_examples=12, deadline=None)
@given(memory=st.floats(40, 200), more=st.floats(1.01, 3))
def test_more_memory_never_makes_the_best_layout_slower(memory, more):
    small, large = (
        plan("llama-3.1-8b", f"16xH100:memory={x:f}", {"batch": 512}).found.best for x in (memory, memory * more)
    )
    assert not (small.fits and not large.fits)
    assert not small.fits or large.row_s <= small.row_s * 1.02  # the first pass may keep other layouts


def test_a_power_cap_slows_the_clock():
    free, capped = (plan("llama-3.1-8b", "8xH100", told).step.value for told in ({}, {"power_cap": 350}))
    assert capped > 1.05 * free


def test_serving_alone_and_beside_training():
    asked = ask("llama-3.1-70b", "8xH100", {"isl": "2k", "osl": 256})
    assert asked.served.alone
    found = deployment(asked).to_json()
    assert found["fits"] and found["ttft_s"]["value"] > 0 and found["usd_per_million_tokens"]["value"] > 0
    both = plan("llama-3.1-8b", "8xH100", {"method": "lora", "serve": True}).to_json()
    assert both["serving"]["schema"].startswith("danlu/")
    assert both["training"]["steps"] >= 1


def test_a_model_too_large_to_serve_says_what_would_hold_it():
    asked = ask("llama-3.1-405b", "8xH100", {"rate": 1})
    assert "does not fit" in deployment(asked).verdict.lower()
    assert "makes it fit" in deployment(asked).verdict
    with pytest.raises(RecipeError, match="nearest is"):
        wrong = ask("llama-3.1-8b", "8xH100", {"serve_weights": "zzz"})
        deploy(wrong, wrong.served)


def test_a_sweep_has_a_row_for_each_combination_and_says_why_one_cannot_be():
    swept = sweep("llama-3.1-8b", "8xH100", {"tokens": "10B"}, ["tp=1,2,3", "precision=bf16,fp8"])
    assert swept.keys == ("tp", "precision")
    assert [bool(row.answer) for row in swept.rows] == [True] * 4 + [False] * 2
    assert "does not divide" in swept.rows[-1].reason
    counts = sweep("llama-3.1-8b", "8xH100", {}, ["gpus=8,16"])
    assert [row.answer.job.cluster.num_devices for row in counts.rows] == [8, 16]


@pytest.mark.parametrize(
    ("varied", "words"),
    [(["tpp=1,2"], "nearest key is tp"), (["tp="], "names no value"), (["tp=3,5"], "does not divide")],
)
def test_a_sweep_that_cannot_be_is_one_sentence(varied, words):
    with pytest.raises(RecipeError, match=words):
        sweep("llama-3.1-8b", "8xH100", {}, varied)


def test_the_grid_has_the_answer_in_its_place(card):
    grid = Grid.around(card)
    told = grid.to_json()
    devices, batch, precision = told["asked"]
    place = (devices * len(told["batches"]) + batch) * len(told["precisions"]) + precision
    assert told["cells"][place]["verdict"] == card.verdict
    assert len(told["cells"]) == len(told["devices"]) * len(told["batches"]) * len(told["precisions"])


def test_a_plan_from_flags_imports_nothing_heavy():
    code = (
        "import sys\nfrom danlu.compute import plan\nplan('llama-3.1-8b', 'RTX 4090', {'method': 'qlora'}).to_json()\n"
        "heavy = {'torch', 'numpy', 'scipy', 'pydantic', 'pyarrow'} & set(sys.modules)\nassert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
