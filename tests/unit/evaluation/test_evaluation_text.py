"""Bits per byte of held-out documents: scored whole, compared by document, against the base or against baselines."""

import json
import math

import pyarrow as pa
import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st

from danlu.artefact import read_jsonl, write_jsonl
from danlu.errors import DataError
from danlu.evaluation import (
    answer,
    check_lengths,
    compare,
    compare_with_baselines,
    measure_baselines,
    write_items,
)
from danlu.evaluation.text import windows
from danlu.generation import Engine
from danlu.generation.fake import ScriptedGenerator
from danlu.recipe.evaluation import Evaluation
from danlu.tokens import Renderer, Tokenizer

TEXTS = ["Rain fell on the roof. " * (n % 5 + 1) + f"Day {n}: größer." for n in range(24)]


def silent(name, fields):
    pass


def evaluation(**guard):
    return Evaluation.model_validate({"scenario": {"kind": "text"}, "guard": guard or None})


@pytest.fixture
def items(tmp_path):
    documents = [{"item_id": f"mine:{n}", "cluster": f"mine:{n}", "text": text} for n, text in enumerate(TEXTS)]
    write_items(evaluation(), tmp_path / "items", scenario=documents, few_shot=None, wheel=None, general_texts=[])
    return tmp_path / "items"


def ask(items, out, model, renderer):
    answer(evaluation(), items, out, chat=None, generator=model, renderer=renderer, arm="tuned", emit=silent)
    return [record for _, record in read_jsonl(out / "scenario.jsonl")]


def write_bits(path, per_byte):
    """A log in which document n takes per_byte(n) bits a byte."""
    rows = [
        {
            "item_id": f"mine:{n}",
            "cluster": f"mine:{n}",
            "bits": per_byte(n) * len(t.encode()),
            "bytes": len(t.encode()),
        }
        for n, t in enumerate(TEXTS)
    ]
    write_jsonl(path, rows)


@given(st.integers(1, 200), st.integers(2, 50))
def test_windows_score_each_token_once_after_at_least_half_a_context(length, context):
    ids = list(range(1, length + 1))
    cut = list(windows(([0], ids), context))
    assert [i for _, predicted in cut for i in predicted] == ids
    for seen, predicted in cut:
        assert len(seen) + len(predicted) <= context
        assert seen == list(range(predicted[0] - len(seen), predicted[0]))
        assert len(seen) >= min(predicted[0], context - context // 2)
    if length < context:
        assert cut == [([0], ids)]


def test_bits_are_those_of_every_token_of_the_text_after_its_begin_token(items, tmp_path, tiny_base):
    renderer = Renderer.from_folder(tiny_base)
    asked = []
    for context in (8192, 16):
        model = ScriptedGenerator(lambda ids: ids, lambda seen, ids: -math.log(2) * 3 * len(ids), context)
        records = ask(items, tmp_path / str(context), model, renderer)
        for record, text in zip(records, TEXTS, strict=True):
            tokens = len(renderer.tokenizer.encode(text))
            assert record["bits"] == pytest.approx(3 * tokens)
            assert (record["num_tokens"], record["bytes"]) == (tokens, len(text.encode()))
        asked.append([record["windows"] for record in records])
    assert set(asked[0]) == {1} and max(asked[1]) > 3


def test_a_document_longer_than_the_context_is_scored_to_its_end_by_an_engine(items, tmp_path, tiny_base):
    engine, renderer = Engine.from_folder(tiny_base, precision="fp32"), Renderer.from_folder(tiny_base)
    text = "a b c d e f g " * (engine.max_positions // 12)
    long = {"item_id": "long", "cluster": "long", "text": text}
    write_items(evaluation(), items, scenario=[long], few_shot=None, wheel=None, general_texts=[])
    check_lengths(evaluation(), items, renderer, engine.max_positions)
    (record,) = ask(items, tmp_path / "out", engine, renderer)
    assert record["windows"] > 1
    assert record["num_tokens"] == len(renderer.tokenizer.encode(text)) > engine.max_positions


def test_a_tokenizer_that_rewrites_text_is_refused_by_name_of_the_document(items, tiny_base):
    renderer = Renderer.from_folder(tiny_base)
    inner = tokenizers.Tokenizer.from_str(renderer.tokenizer.inner.to_str())
    inner.normalizer = tokenizers.normalizers.Lowercase()
    lossy = Renderer(Tokenizer(inner, "0" * 64, renderer.tokenizer.names), "{{ messages }}")
    with pytest.raises(DataError, match=r"item mine:0: the tokenizer does not give this text back.*byte-level"):
        check_lengths(evaluation(), items, lossy, 8192)


def test_bits_per_byte_is_the_ratio_of_sums_and_lower_is_better(items, tmp_path):
    write_bits(tmp_path / "base" / "scenario.jsonl", lambda n: 1.2 + n % 7 / 50)
    write_bits(tmp_path / "tuned" / "scenario.jsonl", lambda n: 1.1 + n % 5 / 50)
    result = compare(evaluation(), items, tmp_path / "base", tmp_path / "tuned")
    (row,) = result["scenario"]
    sizes = [len(text.encode()) for text in TEXTS]
    wanted = sum((1.1 + n % 5 / 50) * size for n, size in enumerate(sizes)) / sum(sizes)
    assert row["tuned"] == pytest.approx(wanted)
    assert (row["metric"], row["better"], row["n"], row["clusters"]) == ("bits_per_byte", "lower", 24, 24)
    assert row["ci95"][0] < row["diff"] < row["ci95"][1] < 0
    assert result["verdict"] == "better"
    assert "bits per byte of held-out documents 1.2" in result["why"] and " bits, 95% interval -0." in result["why"]
    assert "nats" not in result["why"]
    json.dumps(result, allow_nan=False)


@pytest.fixture
def baselines(items, tmp_path):
    measure_baselines(
        items, tmp_path / "baselines", [f"It rained on the roof of house {n}." for n in range(60)], silent
    )
    return items, tmp_path / "baselines"


@pytest.mark.parametrize(
    ("arms", "verdict", "ship"),
    [((2.0, 1.5), "better", True), ((0.9, 1.5), "not_better", False), ((1.5, 0.9), "not_better", False)],
)
def test_a_model_from_scratch_must_beat_every_baseline(baselines, tmp_path, arms, verdict, ship):
    items, measured = baselines
    for arm, level in zip(("ngram", "zstd"), arms, strict=True):
        write_bits(measured / f"{arm}.jsonl", lambda n, level=level: level + n % 3 / 100)
    write_bits(tmp_path / "tuned" / "scenario.jsonl", lambda n: 1.0 + n % 4 / 100)
    result = compare_with_baselines(items, measured, tmp_path / "tuned")
    assert (result["verdict"], result["ship"], result["guard"]) == (verdict, ship, [])
    assert result["scenario"][0]["base"] == pytest.approx(min(arms), abs=0.02)
    assert "trained from scratch, so there is no base whose general ability could have fallen" in result["why"]
    assert "unguarded" not in result["why"]
    assert {row["against"] for row in result["scenario"]} == {"ngram", "zstd"}


def test_baselines_leave_a_record_for_each_document_and_what_they_rest_on(baselines):
    _, measured = baselines
    facts = json.loads((measured / "baselines.json").read_text())
    assert facts["documents"] == 60 and facts["ngram"]["order"] >= 1
    assert facts["ngram"]["bytes"] == facts["zstd"]["bytes"] == facts["bytes"]
    for arm in ("ngram", "zstd"):
        records = [record for _, record in read_jsonl(measured / f"{arm}.jsonl")]
        assert [r["item_id"] for r in records] == [f"mine:{n}" for n in range(24)]
        assert all(r["bytes"] == len(t.encode()) and r["bits"] > 0 for r, t in zip(records, TEXTS, strict=True))
    assert 6 <= len({r["cluster"] for r in records}) <= 8


def test_zstd_is_measured_by_what_a_group_of_documents_adds_to_the_training_text(items, tmp_path):
    known = [f"{n * 7919 % 10007} stones. " * 3 for n in range(300)]
    measure_baselines(items, tmp_path / "out", known, silent)
    codec = pa.Codec("zstd", compression_level=19)
    text = "".join(known).encode()
    groups = {}
    for (_, record), document in zip(read_jsonl(tmp_path / "out" / "zstd.jsonl"), TEXTS, strict=True):
        groups.setdefault(record["cluster"], []).append((record, document))
    for group in groups.values():
        added = codec.compress(text + "".join(d for _, d in group).encode()).size - codec.compress(text).size
        assert sum(record["bits"] for record, _ in group) == pytest.approx(8 * added)


def test_zstd_finds_a_document_that_the_training_text_holds(items, tmp_path):
    known = [f"{n * 7919 % 10007} stones. " * 3 for n in range(300)]
    bits = []
    for training in ([*TEXTS, *known], known):
        measure_baselines(items, tmp_path / str(len(training)), training, silent)
        bits.append(sum(r["bits"] for _, r in read_jsonl(tmp_path / str(len(training)) / "zstd.jsonl")))
    assert bits[0] < bits[1] / 3


def test_training_text_beyond_the_window_of_zstd_is_left_out_and_said(items, tmp_path, monkeypatch):
    monkeypatch.setattr("danlu.evaluation.baselines.WINDOW_BYTES", 4096)
    long = "x y" * 2000
    facts = measure_baselines(items, tmp_path / "out", [long], silent)
    assert facts["bytes"] == len(long)
    assert 2048 < facts["zstd"]["bytes"] < facts["zstd"]["window_bytes"] == 4096
