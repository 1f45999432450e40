"""The tutor from its real base to its report, shortened; and what the same command does when little has changed."""

import json
from pathlib import Path

import pytest
from command import danlu

ROOT = Path(__file__).parents[2]
SHORT = [
    "data.sources.tutor.rows=16",
    "data.sources.general.rows=6",
    "evaluation.scenario.problems=8",
    "evaluation.scenario.max_new_tokens=24",
    "evaluation.guard.items=24",
    "threads=1",
]
STAGES = ["base", "items", "plan", "data", "train", "evaluate", "report"]


def run(folder, *overrides):
    done = danlu(folder, "run", str(ROOT / "recipes" / "tutor-demo.yaml"), *SHORT, *overrides, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_tutor_from_base_to_report_and_again(tmp_path):
    first = run(tmp_path)
    assert first["schema"] == "danlu/run-1"
    assert [s["name"] for s in first["stages"]] == STAGES
    assert {s["status"] for s in first["stages"]} == {"built"}
    for stage in first["stages"]:
        assert stage["wall_s"] >= 0 and stage["cpu_s"] >= 0 and stage["peak_rss_bytes"] > 0
    assert first["train"]["tokens"] > first["train"]["supervised_tokens"] > 0
    assert first["train"]["loss"] < first["train"]["loss_first"]
    for row in (*first["scenario"], *first["guard"]):
        low, high = row["ci95"]
        assert low <= row["diff"] <= high and row["n"] >= row["clusters"] > 0
    assert first["verdict"] in {"better", "not_better", "undecided"}
    assert not first["ship"] or first["verdict"] == "better"
    assert first["base"]["licence"] == "apache-2.0" and first["base"]["dequantised"] == "Q4_1"
    assert 0.5 < first["plan"]["memory_bytes"] / max(s["peak_rss_bytes"] for s in first["stages"]) < 2

    again = run(tmp_path)
    assert {s["status"] for s in again["stages"]} == {"reused"}
    assert {k: v for k, v in again.items() if k != "stages"} == {k: v for k, v in first.items() if k != "stages"}

    other = run(tmp_path, "training.seed=1")
    assert other["name"] == "tutor-demo-2"
    status = {s["name"]: s for s in other["stages"]}
    assert [n for n in STAGES if status[n]["status"] == "reused"] == ["base", "items", "data"]
    assert "recipe.seed" in status["train"]["reason"]
    assert other["weights_sha256"] != first["weights_sha256"]

    shown = danlu(tmp_path, "show", "tutor-demo", "--json")
    assert json.loads(shown.stdout)["weights_sha256"] == first["weights_sha256"]
    listed = json.loads(danlu(tmp_path, "runs", "--json").stdout)
    assert {r["name"] for r in listed["runs"]} == {"tutor-demo", "tutor-demo-2"}

    (tmp_path / "items.jsonl").write_text('{"messages": [{"role": "user", "content": "What is 2 + 2?"}]}\n')
    said = danlu(tmp_path, "generate", "tutor-demo", "items.jsonl", "--seed", "1", "--max-new-tokens", "8", "--json")
    (item,) = json.loads(said.stdout)["items"]
    assert 0 < len(item["ids"]) == len(item["logprobs"]) <= 8
