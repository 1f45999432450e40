"""What a row of a table of fine-tuning runs means."""

import csv
from pathlib import Path
from statistics import fmean, median

import pytest

from danlu.compute.step.tuning import tuning_time
from danlu.compute.validation.finetune_lengths import of_dataset
from danlu.compute.validation.finetune_rows import HEADER, read

PUBLISHED = Path(__file__).parents[4] / "shared" / "data" / "published_runs" / "finetune_runs.csv"
ROW = {
    "id": "X-1",
    "source": "someone's table",
    "publisher": "Someone (their tool)",
    "model": "meta-llama/Llama-3.1-8B",
    "method": "lora",
    "lora_rank": "16",
    "lora_targets": "q_proj v_proj",
    "quant": "none",
    "seq_len": "2048",
    "packed": "yes",
    "micro_batch": "2",
    "grad_accum": "4",
    "hardware": "A100 80GB",
    "n_gpus": "1",
    "parallelism": "single",
    "precision": "bf16",
    "recompute": "yes",
    "optimiser": "adamw_torch",
    "framework": "hf trainer",
    "status": "verified",
}


def cases(**cells):
    found = {case.target: case for case in read([{**ROW, **cells}])}
    assert len(found) <= 2
    return found


def memory(**cells):
    return cases(**cells)["finetune_memory"]


def time(**cells):
    return cases(**cells)["finetune_step_time"]


def test_a_row_without_a_figure_gives_no_case():
    assert not cases()


@pytest.mark.parametrize(
    ("unit", "size"),
    [
        ("mem_unit=GiB (max_memory_reserved)", 2**30),
        ("mem_unit=GB 1e9 (max_memory_allocated/1e9)", 1e9),
        ("mem_unit=MiB printed 2048, divided by 1024", 2**30),
        ("", 2**30),
        ("mem_unit=GB as printed; 24.1 GB shows the figure is decimal GB", 1e9),
    ],
)
def test_memory_is_bytes_by_the_unit_that_the_notes_tell(unit, size):
    assert memory(peak_memory_gb_per_gpu="2.0", notes=unit).actual == 2 * size


@pytest.mark.parametrize(
    ("kind", "counter"),
    [("allocated", "allocated"), ("reserved", "reserved"), ("nvidia-smi", "nvidia-smi"), ("peak active", "allocated")],
)
def test_memory_says_what_counter_it_was_read_from(kind, counter):
    assert memory(peak_memory_gb_per_gpu="9", memory_kind=kind).question.software.counter == counter


def test_memory_does_not_need_the_device_and_time_does():
    assert memory(peak_memory_gb_per_gpu="9", hardware="").question is not None
    unknown = time(s_per_iter="1.5", hardware="")
    assert unknown.question is None
    assert "GPU" in unknown.reason
    assert unknown.judges, "what cannot be predicted counts against coverage"


def test_an_iteration_is_what_its_source_calls_one():
    step = time(s_per_iter="3.0")
    assert (step.actual, step.question.micro_batches) == (3.0, 4)
    micro = time(s_per_iter="3.0", framework="LitGPT")
    assert (micro.actual, micro.question.micro_batches) == (3.0, 1)


def test_seconds_come_from_rates_of_tokens_or_samples():
    by_tokens = time(tokens_per_s="4096", tokens_per_s_unit="total")
    assert by_tokens.actual == pytest.approx(2 * 4 * 2048 / 4096)
    each = time(tokens_per_s="4096", tokens_per_s_unit="per_gpu", n_gpus="4", parallelism="fsdp full_shard")
    assert each.actual == pytest.approx(by_tokens.actual)
    assert each.question.batch.sequences == 32
    assert time(notes="samples_per_s=4.0").actual == pytest.approx(2.0)


def test_a_rate_of_one_device_or_of_all_does_not_judge():
    case = time(tokens_per_s="130", n_gpus="2", parallelism="fsdp2", notes="tokens/s unit not stated")
    assert not case.judges
    assert "not told" in case.reason


def test_hours_count_where_the_number_of_steps_is_known():
    known = time(hours="0.5", dataset="Alpaca2k", packed="no", notes="4 epochs")
    assert known.actual == pytest.approx(0.5 * 3600 / (4 * 2000 / 8), rel=0.01)
    assert time(hours="0.5", packed="no", dataset="alpaca").question is None


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ({"status": "estimate"}, "estimate"),
        ({"status": "quoted"}, "quoted"),
        ({"notes": "capacity bound: seq_len is the largest that fits"}, "capacity"),
        ({"status": "reported", "micro_batch": ""}, "thread"),
    ],
)
def test_what_was_not_measured_does_not_judge(cells, why):
    case = memory(peak_memory_gb_per_gpu="9", **cells)
    assert not case.judges
    assert why in case.reason


@pytest.mark.parametrize(
    ("cell", "count", "expected"),
    [
        ("fsdp FULL_SHARD", 8, {"dp": 8, "sharding": "zero3"}),
        ("zero2", 2, {"dp": 2, "sharding": "zero2"}),
        ("ddp", 4, {"dp": 4, "sharding": "none"}),
        ("tp4+pp2+ep4", 8, {"tp": 4, "pp": 2, "dp": 1, "ep": 4}),
        ("device_map (layer split)", 2, {"pp": 2, "schedule": "serial"}),
        ("zero3+cpu_offload of optimiser and parameters", 4, {"sharding": "zero3", "offload": True}),
        ("deepspeed zero + sequence parallel 8", 8, {"cp": 8, "dp": 1}),
        ("DeepSpeed ZeRO-3", 8, {"sharding": "zero3"}),
        ("something new", 2, {"dp": 2}),
    ],
)
def test_a_layout_is_read_however_it_is_spelt(cell, count, expected):
    layout = memory(peak_memory_gb_per_gpu="9", parallelism=cell, n_gpus=str(count)).question.layout
    assert {name: getattr(layout, name) for name in expected} == expected
    assert layout.num_devices == count


@pytest.mark.parametrize(
    ("cells", "method", "quant"),
    [
        ({"method": "QLoRA", "quant": "bnb 4-bit"}, "qlora", "nf4"),
        ({"method": "qlora", "quant": "gptq-int4"}, "qlora", "gptq"),
        ({"method": "lora", "quant": "int8"}, "qlora", "int8"),
        ({"method": "full fine-tune"}, "full", "none"),
        ({"method": "other", "notes": "rlhf_type kto, tuner full"}, "dpo", "none"),
        ({"method": "GRPO"}, "grpo", "none"),
    ],
)
def test_methods_are_read_however_they_are_spelt(cells, method, quant):
    tuning = memory(peak_memory_gb_per_gpu="9", **cells).question.tuning
    assert (tuning.method, tuning.quant) == (method, quant)


def test_recompute_and_loss_follow_the_framework_where_the_cell_is_silent():
    def read_one(**cells):
        return memory(peak_memory_gb_per_gpu="9", recompute="", **cells).question

    assert read_one(framework="ms-swift (HF Trainer)").recompute == "full"
    assert read_one(framework="LitGPT").recompute == "none"
    assert read_one(framework="hf trainer").software.loss == "full"
    assert read_one(framework="hf trainer", notes="liger kernel").software.loss == "fused"
    assert read_one(framework="torchtune").software.loss == "chunked"


def test_an_unknown_model_is_a_reason_and_a_size_is_enough():
    lost = time(s_per_iter="1", model="Nobody/Knows")
    assert lost.question is None
    assert "Nobody/Knows" in lost.reason
    sized = time(s_per_iter="1", model="Nobody/Knows", params_total="3000000000").question
    assert sized.architecture.num_parameters == pytest.approx(3e9, rel=0.15)


def test_rows_that_are_not_packed_are_as_long_as_their_data_say():
    alpaca = time(s_per_iter="1", packed="no", dataset="Alpaca", micro_batch="1").question.batch
    assert 80 < alpaca.mean < 160
    assert alpaca.longest == 1304
    padded = time(s_per_iter="1", packed="no", dataset="Alpaca", micro_batch="8").question.batch
    assert padded.mean > 1.5 * alpaca.mean
    told = time(s_per_iter="1", packed="padding-free", tokens_per_s="800", tokens_per_s_unit="per_gpu").question.batch
    assert told.mean == pytest.approx(100)
    assert told.document == told.mean


def test_dropping_long_rows_leaves_shorter_ones_than_cutting_them():
    lengths = of_dataset("some set (mean 3000 tokens)")
    assert lengths.kept(1024).mean < lengths.cut(1024).mean < 1024 < lengths.mean
    assert lengths.kept(None) is lengths
    assert lengths.padded(1) < lengths.padded(4) < lengths.padded(16) <= lengths.longest


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published runs lie beside the project, not in it")
def test_published_iterations_are_within_a_fifth():
    with PUBLISHED.open() as file:
        rows = list(csv.DictReader(file))
    assert set(rows[0]) >= HEADER
    errors: dict[str, list[float]] = {}
    for case in read(rows):
        if case.target == "finetune_step_time" and case.judges and case.question is not None:
            errors.setdefault(case.publisher, []).append(abs(tuning_time(case.question).total / case.actual - 1))
    assert fmean(median(found) for found in errors.values()) < 0.20
