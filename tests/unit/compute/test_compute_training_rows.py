"""Published training rows: what a cell means, and the seconds that a printed rate stands for."""

from __future__ import annotations

import csv
from pathlib import Path
from statistics import fmean, median

import pytest

from danlu.compute.step import estimate
from danlu.compute.validation.training_cells import number, publisher, sharding
from danlu.compute.validation.training_rows import HEADER, flops_per_token, question, read

PUBLISHED = Path(__file__).parents[4] / "shared" / "data" / "published_runs" / "training_runs.csv"
ROW = {
    "id": "one",
    "source": "Somebody benchmarks",
    "model": "GPT 22B",
    "params_total": "22B",
    "layers": "48",
    "hidden": "6144",
    "ffn": "24576",
    "heads": "64",
    "kv_heads": "64",
    "vocab": "51200",
    "seq_len": "2048",
    "global_batch_seqs": "4",
    "micro_batch": "4",
    "hardware": "A100 80GB",
    "n_gpus": "8",
    "TP": "8",
    "PP": "1",
    "sharding": "none",
    "precision": "fp16",
    "recompute": "full",
    "status": "verified",
}


def only(**cells: str):
    return next(iter(read([{**ROW, **cells}])))


def job(**cells: str):
    found, reason = question({**ROW, **cells})
    assert found is not None, reason
    return found


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("7B", 7e9),
        ("250k", 250e3),
        ("1.0e12", 1e12),
        ("18432(expert 2048)", 18432),
        ("n/a", None),
        ("", None),
        ("4", 4),
    ],
)
def test_numbers_are_read_as_people_write_them(cell, value):
    assert number(cell) == value


@pytest.mark.parametrize(
    ("sources", "name"),
    [
        ([f"NVIDIA Megatron-Bridge performance summary {v}" for v in ("25.09", "26.04.01")], "NVIDIA Megatron-Bridge"),
        (["InternEvo train_performance (throughput)", "InternEvo GPU memory test"], "InternEvo"),
        (["Narayanan et al. 2021 (Megatron-LM) Table 1", "Narayanan et al. 2021 Table 2"], "Narayanan et al. 2021"),
        (["torchtitan benchmarks"], "torchtitan"),
    ],
)
def test_releases_and_tables_of_a_publisher_are_one(sources, name):
    names = {publisher(source) for source in sources}
    assert len(names) == 1
    assert names == {name}


@pytest.mark.parametrize(
    ("cell", "what", "group", "reshard"),
    [
        ("FSDP FULL_SHARD", "zero3", None, True),
        ("FSDP SHARD_GRAD_OP", "zero3", None, False),
        ("HSDP", "zero3", 8, True),
        ("ZeRO-1 group=4", "zero1", 4, True),
        ("ZeRO-1 group=-1", "zero1", None, True),
        ("DDP+dist-optimizer", "zero1", None, True),
        ("ZeRO-0", "none", None, True),
        ("", "none", None, True),
    ],
)
def test_sharding_is_read_as_people_write_it(cell, what, group, reshard):
    assert tuple(sharding({"sharding": cell})) == (what, group, reshard)


def test_a_told_step_time_goes_before_a_rate():
    assert only(step_time_s="1.42", tokens_per_s_per_gpu="1").actual == 1.42


def test_tokens_a_second_become_seconds():
    assert only(tokens_per_s_per_gpu="1000").actual == pytest.approx(4 * 2048 / 8000)


def test_hardware_flops_become_seconds_by_megatrons_formula():
    """Korthikanti et al. 2022, table 5: 22B takes 1.42 s with full recomputation, whose hardware FLOPs these are."""
    layers, width, seq, vocab, sequences = 48, 6144, 2048, 51200, 4
    flops = 96 * sequences * seq * layers * width**2 * (1 + seq / (6 * width) + vocab / (16 * layers * width))
    printed = flops / 8 / 1.42 / 1e12
    case = only(tflops_per_gpu=str(printed), flops_convention="hardware: 96Bslh^2(1+s/6h+V/16lh), includes recompute")
    assert case.actual == pytest.approx(1.42, rel=1e-3)


def test_model_flops_are_not_counted_twice_for_recomputation():
    there = job(flops_convention="6N+12Lhs, model")
    row = {**ROW, "flops_convention": "6N+12Lhs, model"}
    attention = 12 * 48 * 6144 * 2048
    assert flops_per_token(row, there) == pytest.approx(6 * there.architecture.num_parameters + attention)


def test_days_and_tokens_become_seconds():
    case = only(days="10", total_tokens="1e9")
    assert case.actual == pytest.approx(10 * 86_400 * (4 * 2048) / 1e9)
    assert case.question.goodput < 1


def test_memory_obeys_its_unit():
    assert only(memory_gb_per_gpu="10", notes="memory in GiB").actual == 10 * 2**30
    assert only(memory_gb_per_gpu="10", notes="in units of 1e9 bytes").actual == 10e9


def test_figures_that_nobody_measured_do_not_judge():
    assert not only(step_time_s="1.42", status="secondary").judges
    assert not only(step_time_s="1.42", source="Somebody (analytic)").judges
    assert only(step_time_s="0.01").reason.startswith("contradicts physics")


def test_a_row_of_unknown_hardware_is_kept_with_its_reason():
    case = only(step_time_s="1.42", hardware="Abacus 9000")
    assert case.question is None
    assert "Abacus" in case.reason


@pytest.mark.parametrize(("cell", "sequences"), [("1,024", 1024), ("4M tokens", 1953), ("4194304", 2048), ("", 1952)])
def test_a_batch_is_counted_in_sequences_or_tokens(cell, sequences):
    assert job(global_batch_seqs=cell).batch.sequences == sequences


def test_eight_k_are_8192_tokens():
    assert job(seq_len="8k").batch.seq_len == 8192


def test_a_row_without_a_figure_gives_no_case():
    assert list(read([ROW])) == []


def test_layers_come_from_the_size_where_they_are_missing():
    found = job(model="MyGPT", layers="")
    assert found.architecture.num_layers == 48
    assert found.guesses == ("number of layers from its size",)


def test_a_missing_layout_and_batch_are_guessed_and_said():
    found = job(TP="", PP="", sharding="", micro_batch="", global_batch_seqs="", n_gpus="64")
    assert {"layout", "batch", "micro-batch"} <= set(found.guesses)
    assert found.layout.num_devices == 64


def test_the_kind_of_software_is_read_from_source_and_notes():
    assert job(source="NVIDIA NeMo performance summary 24.07").software.year == pytest.approx(2024.5)
    titan = job(source="torchtitan benchmarks", notes="eager").software
    assert (titan.framework, titan.compiled) == ("torchtitan", False)
    assert job(source="Korthikanti et al. 2022 arXiv:2205.05198").software.attention == "eager"


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published runs are not beside this checkout")
def test_published_steps_are_predicted_within_a_tenth():
    with PUBLISHED.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert set(rows[0]) >= HEADER
    cases = [case for case in read(rows) if case.target == "step_time" and case.judges]
    errors: dict[str, list[float]] = {}
    for case in cases:
        if case.question is not None:
            errors.setdefault(case.publisher, []).append(abs(estimate(case.question).value / case.actual - 1))
    assert sum(map(len, errors.values())) >= 0.95 * len(cases)
    assert fmean(median(group) for group in errors.values()) <= 0.10
    everything = sorted(error for group in errors.values() for error in group)
    assert everything[int(0.9 * len(everything))] <= 0.25
