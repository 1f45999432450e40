"""The stage's promise: the same bytes, wherever it was killed; and nothing carried on that does not belong together."""

import json
import shutil
from pathlib import Path

import pytest
from training_material import config, documents

from danlu import training
from danlu.artefact import hash_file, read_json
from danlu.errors import DataError, Refusal, Waivers
from danlu.hub import Resolved
from danlu.model import weights_sha256
from danlu.recipe import FullWeights
from danlu.tokens import write_shards

RECIPE = config(epochs=1, checkpoint_every_steps=2)


class Killed(BaseException):
    """Stands for a process that ends at any moment."""


def noop(event, facts):
    """Nobody listens."""


def carry_out(base, data, work, *, recipe=RECIPE, reasons=None, code="v1", template="abc", ranks=1, emit=noop):
    return training.carry_out(
        recipe,
        Resolved(base, "hf:someone/tiny@1", "MIT", "0" * 64),
        data,
        work,
        training.Circumstances(code, template, ranks),
        waivers=Waivers(reasons or {}),
        emit=emit,
    )


def content(work):
    """Every file but what was measured, by name."""
    files = {p.relative_to(work).as_posix(): p.read_bytes() for p in work.rglob("*") if p.is_file()}
    assert files.pop("measured.json")
    return files


@pytest.fixture(scope="module")
def whole(tiny_base, data, tmp_path_factory):
    work = tmp_path_factory.mktemp("whole")
    return work, carry_out(tiny_base, data, work)


def test_the_stage_leaves_a_model_that_says_what_it_is(whole, tiny_base):
    work, facts = whole
    names = set(content(work))
    assert names >= {"adapter/adapter_model.safetensors", "model/model.safetensors", "trajectory.jsonl", "train.json"}
    assert not any("snapshot" in name or name.startswith(".") for name in names)
    described = read_json(work / "model" / "danlu.json")
    assert (described["source"], described["licence"]) == ("hf:someone/tiny@1", "MIT")
    assert described["template_sha256"] == "abc"
    assert described["trained"] is True
    adapter = read_json(work / "adapter" / "adapter_config.json")
    assert (adapter["base_model_name_or_path"], adapter["revision"]) == ("someone/tiny", "1")
    rows = [json.loads(line) for line in (work / "trajectory.jsonl").read_text().splitlines()]
    assert read_json(work / "train.json") == {
        "schema": "danlu/train-1",
        "tokens": sum(len(d.ids) for d in documents(24)),
        "supervised_tokens": sum(int(d.mask[1:].sum()) for d in documents(24)),
        "steps": len(rows),
        "loss_first": rows[0]["loss"],
        "loss_last": rows[-1]["loss"],
        "weights_sha256": weights_sha256(work / "model"),
        "template_sha256": "abc",
    }
    measured = facts.pop("measured")
    assert facts == read_json(work / "train.json")
    assert measured["tokens_per_cpu_s"] == pytest.approx(facts["tokens"] / measured["cpu_s"])
    assert 0 < measured["peak_memory_bytes"] < 2**36


def test_a_finished_stage_returns_what_it_had_found(whole, tiny_base, data):
    work, facts = whole
    before = content(work)
    assert carry_out(tiny_base, data, work)["weights_sha256"] == facts["weights_sha256"]
    assert content(work) == before


def events(base, data, work):
    seen = []
    carry_out(base, data, work, emit=lambda event, facts: seen.append(event))
    return seen


def test_killed_at_any_event_it_ends_in_the_same_bytes(whole, tiny_base, data, tmp_path):
    seen = events(tiny_base, data, tmp_path / "count")
    assert {"rehearsed", "step", "snapshot", "saving", "trained"} <= set(seen)
    for moment in range(len(seen)):
        left = [moment]

        def kill(event, facts, left=left):
            left[0] -= 1
            if left[0] < 0:
                raise Killed

        work = tmp_path / f"{moment}"
        with pytest.raises(Killed):
            carry_out(tiny_base, data, work, emit=kill)
        carry_out(tiny_base, data, work)
        assert content(work) == content(whole[0]), f"killed at {seen[moment]} ({moment})"


def crash_at(monkeypatch, moment, *, done):
    """The process ends at the n-th change of the disk, before it or after it; temporary files stay behind."""
    count = [0]

    def crashing(owner, name):
        original = getattr(owner, name)

        def change(*arguments, **options):
            count[0] += 1
            if count[0] == moment and not done:
                raise Killed
            result = original(*arguments, **options)
            if count[0] == moment:
                raise Killed
            return result

        monkeypatch.setattr(owner, name, change)

    crashing(Path, "replace")
    crashing(shutil, "copyfile")
    crashing(shutil, "rmtree")


@pytest.mark.parametrize("done", [False, True])
def test_crashed_at_any_write_it_ends_in_the_same_bytes(whole, tiny_base, data, tmp_path, *, monkeypatch, done):
    for moment in range(1, 100):
        work = tmp_path / f"{moment}"
        with monkeypatch.context() as patched:
            crash_at(patched, moment, done=done)
            try:
                carry_out(tiny_base, data, work)
            except Killed:
                (work / ".train.json.1.tmp").write_text("half")
            else:
                break
        carry_out(tiny_base, data, work)
        assert content(work) == content(whole[0]), f"crashed at write {moment}"
    assert moment > 12


def test_ctrl_c_keeps_every_finished_step(whole, tiny_base, data, tmp_path):
    def press(event, facts):
        if event == "step" and facts["step"] == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        carry_out(tiny_base, data, tmp_path, emit=press)
    first = []
    carry_out(tiny_base, data, tmp_path, emit=lambda event, facts: first.append((event, facts)))
    assert first[0] == ("resumed", {"step": 3, "steps": 7})
    assert content(tmp_path) == content(whole[0])


@pytest.mark.parametrize("step", [2, None])
@pytest.mark.parametrize(
    ("change", "part"),
    [({"code": "v2"}, "code"), ({"template": "abd"}, "chat template"), ({"recipe": config()}, "recipe")],
)
def test_a_resume_with_a_changed_part_is_refused_by_its_name(tiny_base, data, tmp_path, *, change, part, step):
    def kill(event, facts):
        if event == "snapshot" and facts["step"] == step:
            raise Killed

    try:
        carry_out(tiny_base, data, tmp_path, emit=kill)
    except Killed:
        assert step
    with pytest.raises(Refusal, match=f"with another {part}, .*--accept 9") as caught:
        carry_out(tiny_base, data, tmp_path, **change)
    assert caught.value.number == 9
    assert carry_out(tiny_base, data, tmp_path, reasons={9: "a typo in a comment"}, **change)["steps"] >= 7


def test_another_number_of_ranks_is_another_run(whole, tiny_base, data):
    with pytest.raises(Refusal, match="with another number of ranks, "):
        carry_out(tiny_base, data, whole[0], ranks=2)


def test_an_accepted_resume_still_cannot_mix_other_parameters(tiny_base, data, tmp_path):
    def kill(event, facts):
        if event == "snapshot":
            raise Killed

    with pytest.raises(Killed):
        carry_out(tiny_base, data, tmp_path, emit=kill)
    with pytest.raises(ValueError, match="the snapshot trains other parameters than the recipe"):
        carry_out(tiny_base, data, tmp_path, recipe=config(adapter=FullWeights()), reasons={9: "curious"})


def test_data_of_another_template_or_tokenizer_is_not_trained_on(tiny_base, tmp_path):
    made = [list(documents(3))]
    write_shards(tmp_path / "a", made, {"template_sha256": "other", "tokenizer_sha256": "x"})
    with pytest.raises(Refusal, match="rendered with the chat template other, but the run uses abc") as caught:
        carry_out(tiny_base, tmp_path / "a", tmp_path / "w")
    assert caught.value.number == 3
    write_shards(tmp_path / "b", made, {"template_sha256": "abc", "tokenizer_sha256": "x"})
    with pytest.raises(DataError, match="with another tokenizer than the base's"):
        carry_out(tiny_base, tmp_path / "b", tmp_path / "w")
    right = hash_file(tiny_base / "tokenizer.json")
    write_shards(tmp_path / "c", made, {"template_sha256": "abc", "tokenizer_sha256": right})
    carry_out(tiny_base, tmp_path / "c", tmp_path / "w")
