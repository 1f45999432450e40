"""validation/published.py and `danlu plan --validate`: a file in, errors by source and every row out."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from danlu.compute.validation.published import judge, read_cases, table
from danlu.compute.validation.score import score
from danlu.errors import DataError

SHARED = Path(__file__).parents[4] / "shared" / "data" / "published_runs"
COLUMNS = (
    "id,source,model,params_total,layers,hidden,ffn,heads,kv_heads,vocab,seq_len,global_batch_seqs,micro_batch,hardware,n_gpus,TP,PP,"
    "sharding,precision,recompute,tokens_per_s_per_gpu,memory_gb_per_gpu,status,notes"
).split(",")
CELLS = (
    "r1,somebody,Llama-3.1-8B,8030261248,32,4096,14336,32,8,128256,8192,16,2,H100 SXM,8,1,1,FSDP,bf16,full,6200,60,"
    "verified,"
).split(",")
ROW = dict(zip(COLUMNS, CELLS, strict=True))


def written(folder, *rows):
    path = folder / "runs.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_a_row_gives_a_case_for_every_figure_that_it_holds(tmp_path):
    judged = judge(read_cases(written(tmp_path, ROW)))
    assert {row.case.target for row in judged} == {"step_time", "memory"}
    step = next(row for row in judged if row.case.target == "step_time")
    assert step.case.actual == pytest.approx(16 * 8192 / (6200 * 8))
    assert abs(step.error) < 0.4


def test_a_row_that_cannot_be_predicted_is_listed_with_its_reason(tmp_path):
    judged = judge(read_cases(written(tmp_path, {**ROW, "hardware": "a machine that nobody knows"})))
    found = score(row for row in judged if row.case.target == "step_time")
    assert (found.n, found.predicted) == (1, 0)
    assert all(reason for reason in found.unpredicted)
    lines = list(table(judged))
    assert lines[0] == ("id", "target", "actual", "predicted", "lo80", "hi80", "reason")
    assert all(len(line) == 7 for line in lines)
    assert next(line for line in lines if line[1] == "step_time")[3] == ""


@pytest.mark.parametrize(
    "broken", [{"params_total": "1e99", "model": "?", "hidden": ""}, {"tokens_per_s_per_gpu": "0"}]
)
def test_a_row_that_cannot_be_costs_no_other_row(tmp_path, broken):
    judged = judge(read_cases(written(tmp_path, {**ROW, "id": "bad", **broken}, {**ROW, "id": "good"})))
    assert [row.case.target for row in judged if row.case.id == "good" and row.estimate] == ["step_time", "memory"]
    assert all(row.reason for row in judged if row.case.id == "bad" and row.estimate is None)


def test_another_file_is_refused_with_the_columns_that_it_lacks(tmp_path):
    path = tmp_path / "prices.csv"
    path.write_text("device,usd\nH100,30000\n")
    with pytest.raises(DataError, match=r"no file of published runs by its header.*it lacks .*tokens_per_s_per_gpu"):
        read_cases(path)


def test_validate_prints_one_object_and_writes_every_prediction(tmp_path):
    out = tmp_path / "out.csv"
    command = ["plan", "--validate", str(written(tmp_path, ROW)), "--predictions", str(out), "--json"]
    ran = subprocess.run(
        [sys.executable, "-c", "from danlu.cli import main; main()", *command],
        capture_output=True,
        text=True,
        check=True,
    )
    said = json.loads(ran.stdout)
    assert said["schema"] == "danlu/plan-validation-1"
    assert said["step_time"]["coverage"] == 1.0
    assert {"n", "predicted", "mean_of_source_medians", "p90", "bias", "interval_coverage"} <= said["memory"].keys()
    assert said["step_time"]["sources"]["somebody"]["n"] == 1
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["target"] for row in rows] == ["step_time", "memory"]
    assert all(float(row["lo80"]) <= float(row["predicted"]) <= float(row["hi80"]) for row in rows)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the published runs are not beside the project")
@pytest.mark.parametrize(
    ("name", "target", "most"),
    [("training_runs", "step_time", 0.1), ("training_runs", "memory", 0.1), ("finetune_runs", "finetune_memory", 0.15)],
)
def test_the_planner_keeps_its_accuracy_on_published_runs(name, target, most):
    found = score(row for row in judge(read_cases(SHARED / f"{name}.csv")) if row.case.target == target)
    assert found.mean_of_source_medians < most
    assert found.predicted / found.n > 0.95
