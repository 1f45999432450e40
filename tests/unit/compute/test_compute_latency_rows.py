"""validation/latency_rows.py and serving_rows.py: a row's cells become the question that it answers."""

import csv
from pathlib import Path
from statistics import median

import pytest

from danlu.compute.architecture import find as model
from danlu.compute.catalogue import Cluster, find
from danlu.compute.serving import FORMATS, Question, throughput, tpot, ttft
from danlu.compute.validation import latency_rows, serving_rows
from danlu.compute.validation.serving_cells import accepted_of, mode_of, number, split_of

ROW = {
    "id": "1",
    "publisher": "someone",
    "model": "meta-llama/Llama-3.1-70B-Instruct",
    "params_total": "70.6",
    "params_active": "70.6",
    "hardware": "H100 SXM",
    "n_gpus": "8",
    "engine": "vLLM",
    "parallelism": "TP8",
    "precision": "fp8",
    "mode": "online_concurrency",
    "isl": "1024",
    "osl": "512",
    "concurrency": "32",
    "request_rate": "inf",
    "output_tokens_per_s_total": "1000",
    "ttft_ms_mean": "200",
    "tpot_ms_median": "20",
    "status": "verified",
    "notes": "",
}


def cases(**changes):
    return {case.target: case for case in latency_rows.read([ROW | changes])}


def test_a_row_gives_one_case_for_each_of_its_figures_in_seconds_and_tokens_a_second():
    found = cases()
    assert {target: case.actual for target, case in found.items()} == {
        "throughput": 1000,
        "ttft": pytest.approx(0.2),
        "tpot": pytest.approx(0.02),
    }
    assert all(case.judges and case.mode == "online_concurrency" for case in found.values())
    question = found["tpot"].question
    assert isinstance(question, Question)
    assert question.split.tp == 8
    assert question.weights.name == "fp8"
    assert question.load.concurrency == 32
    assert question.load.median


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"status": "quoted"}, "quoted"),
        ({"precision": "", "model": "Llama-3.1-70B"}, "precision"),
        ({"parallelism": ""}, "parallelism"),
        ({"notes": "speculative decoding on, MTP"}, "speculative"),
        ({"notes": "warm-up spoils it, do not judge on it"}, "outlier"),
        ({"tpot_ms_median": "0.5"}, "bandwidth"),
        ({"output_tokens_per_s_total": "9000", "tpot_ms_mean": "20"}, "concurrency"),
    ],
)
def test_a_figure_that_must_not_judge_says_why(changes, word):
    case = cases(**changes)["tpot"]
    assert not case.judges
    assert word in case.reason
    assert case.question is not None


def test_an_accepted_length_that_is_printed_is_used():
    assert accepted_of("speculative decoding on, accept length 3.26; asked 1000") == pytest.approx(3.26)
    assert accepted_of("speculative decoding on") is None
    assert accepted_of("tg128, no speculative decoding") == 1
    case = cases(notes="EAGLE, accept length 2.5")["tpot"]
    assert case.judges
    assert case.question.accepted == 2.5


def test_a_row_that_cannot_be_predicted_is_kept_with_its_reason():
    case = cases(hardware="an unheard-of accelerator of 2031")["tpot"]
    assert case.question is None
    assert case.reason


def test_a_model_that_nobody_knows_is_taken_from_its_size():
    case = cases(model="house/unheard-of", params_total="12", params_active="12")["tpot"]
    assert case.question.architecture.num_parameters == pytest.approx(12e9, rel=0.02)


def test_the_rows_size_wins_over_a_name_that_contradicts_it():
    case = cases(params_total="35", params_active="35")["tpot"]
    assert case.question.architecture.num_parameters == pytest.approx(35e9, rel=0.02)


LAYOUTS = [
    ("TP8", 8, (8, 1, 1, 1)),
    ("TP4+PP2", 8, (4, 2, 1, 1)),
    ("TP1,PP2", 2, (1, 2, 1, 1)),
    ("TP8+EP (attention DP on)", 8, (1, 1, 8, 1)),
    ("TP4+PP2+EP (attention DP on)", 8, (1, 2, 4, 1)),
    ("TP8+EP8+DP8(attention DP)", 8, (1, 1, 8, 1)),
    ("TP8+DP4(attention DP)", 8, (2, 1, 4, 1)),
    ("TP4+attnDP4+moeEP16", 16, (4, 1, 4, 1)),
    ("TP8+moeTP2+moeEP4", 8, (8, 1, 1, 1)),
    ("DEP4", 4, (1, 1, 4, 1)),
    ("DP4TP2+EP", 8, (2, 1, 4, 1)),
    ("TP2", 8, (2, 1, 1, 4)),
    ("single", 1, (1, 1, 1, 1)),
    ("tensor parallel size = 4, pipeline parallel 2", 8, (4, 2, 1, 1)),
    ("tp_size: 4", 4, (4, 1, 1, 1)),
    ("4-way TP", 4, (4, 1, 1, 1)),
    ("TP=2 PP=2", 4, (2, 2, 1, 1)),
    ("layer split", 4, (1, 4, 1, 1)),
]


@pytest.mark.parametrize(("text", "devices", "wanted"), LAYOUTS)
def test_a_layout_is_known_however_it_is_spelt(text, devices, wanted):
    cluster = Cluster.of(find("H100 SXM"), devices)
    row = {"parallelism": text, "n_gpus": str(devices)}
    split, said = split_of(row, model("deepseek-v3"), FORMATS["fp8"], cluster)
    assert said
    assert (split.tp, split.pp, split.dp, split.replicas) == wanted


def test_disaggregated_serving_has_devices_for_prompts_beside_those_that_decode():
    text = "disagg prefill 4x(TP1 PP1 attnDP4) decode 2x(TP8 PP1 attnDP1)"
    split, said = split_of(
        {"parallelism": text}, model("deepseek-v3"), FORMATS["fp8"], Cluster.of(find("H100 SXM"), 32)
    )
    assert said
    assert (split.tp, split.dp, split.replicas, split.prefill_devices) == (8, 1, 2, 8)


def test_a_layout_that_is_not_told_holds_the_weights():
    split, said = split_of({}, model("llama-3.1-70b"), FORMATS["bf16"], Cluster.of(find("H100 SXM"), 8))
    assert not said
    assert split.tp >= 4
    assert split.tp * split.replicas == 8


def test_numbers_and_modes_in_any_spelling():
    assert number("1,234.5 ms") == pytest.approx(1234.5)
    assert number("n/a") is None
    assert mode_of({"mode": "offline max throughput"}) == "offline"
    assert mode_of({"mode": "online_rate", "request_rate": "4"}) == "open"
    assert mode_of({"mode": "online_rate", "request_rate": "inf"}) == "offline"
    assert mode_of({"mode": "", "concurrency": "1"}) == "single"
    assert mode_of({"mode": "online_concurrency", "concurrency": "8"}) == "closed"


def test_a_rate_per_device_is_multiplied_by_their_number():
    row = ROW | {"output_tokens_per_s_per_gpu": "100", "source": "TensorRT-LLM perf overview", "mode": "offline"}
    (case,) = [c for c in serving_rows.read([row]) if c.target == "throughput"]
    assert case.actual == 800
    assert case.publisher == "NVIDIA TensorRT-LLM"


PUBLISHED = Path(__file__).parents[4] / "shared" / "data" / "published_runs"


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published runs lie beside the project, not in it")
def test_nearly_every_published_row_has_a_question_and_each_target_is_predicted_to_a_third():
    with (PUBLISHED / "serving_latency.csv").open(newline="") as file:
        found = list(latency_rows.read(csv.DictReader(file)))
    assert sum(case.question is not None for case in found) > 0.98 * len(found)
    assert all(case.reason for case in found if case.question is None or not case.judges)
    predictors = {"throughput": throughput, "ttft": ttft, "tpot": tpot}
    errors: dict[tuple[str, str, str], list[float]] = {}
    for case in found[::4]:
        if case.judges and case.question is not None:
            said = predictors[case.target](case.question).value
            errors.setdefault((case.target, case.mode, case.publisher), []).append(abs(said / case.actual - 1))
    for target, most in (("throughput", 0.3), ("tpot", 0.3), ("ttft", 0.5)):
        assert median(median(e) for (name, *_), e in errors.items() if name == target) < most
