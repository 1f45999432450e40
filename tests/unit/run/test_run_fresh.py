"""A fresh base comes from the training text alone, is the same each time, and its key says what it follows from."""

import random

import pytest

from danlu.artefact import hash_folder
from danlu.errors import DataError, LocatorError, Refusal
from danlu.recipe import load
from danlu.run import fresh
from danlu.run import settle as room
from danlu.run.fresh import held_out, planned_fresh, resolved_fresh, text_facts, write_fresh
from danlu.run.locate import locate
from danlu.run.settle import fit_to_text, settle
from danlu.tokens import Tokenizer
from danlu.tokens.bpe import train_bpe

TEXT = """
name: fresh
base: {depth: 1, vocab_size: 330}
data:
  form: text
  max_length: 64
  overlong: split
  sources: [{name: mine, path: mine.txt, licence: own}]
evaluation: {scenario: {kind: text, share: 0.2, documents: 20}}
threads: 1
"""


def prose(seed, count):
    rng = random.Random(seed)
    words = ["".join(rng.choices("abcdefgh", k=5)) for _ in range(60)]
    return "\n\n".join(" ".join(rng.choices(words, k=30)) for _ in range(count))


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "RUNS", tmp_path / "runs")
    (tmp_path / "mine.txt").write_text(prose(0, 150))
    path = tmp_path / "fresh.yaml"
    path.write_text(TEXT)
    return path


def settled(path, *overrides):
    return settle(load(path, overrides), path.parent)


def test_a_fresh_base_is_a_whole_checkpoint_and_the_same_each_time(recipe, tmp_path):
    done = settled(recipe)
    for name in ("one", "two"):
        write_fresh(done, tmp_path / name)
    assert hash_folder(tmp_path / "one") == hash_folder(tmp_path / "two")
    base = resolved_fresh(done.base, tmp_path / "one")
    assert base.licence == "own"
    assert base.source == "fresh model of depth 1"
    assert locate(str(tmp_path / "one")).sha256 == base.sha256


def test_the_tokenizer_never_sees_what_is_held_out(recipe, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        fresh, "train_bpe", lambda texts, size, folder: (seen.extend(texts), train_bpe(texts, size, folder))
    )
    done = settled(recipe)
    asked = {row.text for row in held_out(done, tmp_path)}
    write_fresh(done, tmp_path / "base")
    whole = (tmp_path / "mine.txt").read_text()
    assert len(asked) >= 8 and not asked & set(seen)
    assert len("".join(seen)) + len("".join(asked)) > 0.98 * len(whole)


def test_its_key_names_the_text_the_split_and_the_dial_but_not_the_rate(recipe, tmp_path):
    facts = text_facts(settled(recipe))
    assert text_facts(settled(recipe, "training.optimizer.lr=1e-4")) == facts
    assert text_facts(settled(recipe, "evaluation.scenario.seed=1")) != facts
    (tmp_path / "mine.txt").write_text(prose(1, 150))
    assert text_facts(settled(recipe)) != facts


def test_a_plan_makes_tokenizer_and_configuration_without_weights(recipe, tmp_path):
    with planned_fresh(settled(recipe), tmp_path) as base:
        assert Tokenizer.from_folder(base.folder).vocab_size == 330
        assert not list(base.folder.glob("*.safetensors"))
    assert not base.folder.exists()


def test_training_is_no_longer_than_the_text_gives(recipe, tmp_path):
    written = load(recipe)
    fitted = fit_to_text(written, tmp_path)
    size = (tmp_path / "mine.txt").stat().st_size
    assert fitted.training.max_tokens < 4 * size < written.training.max_tokens
    assert settled(recipe).training == fitted.training
    assert fit_to_text(fitted, tmp_path) == fitted


def test_a_text_that_spells_the_end_token_is_named(recipe, tmp_path):
    (tmp_path / "mine.txt").write_text(prose(0, 150) + "\n\nsome <|endoftext|> words\n")
    with pytest.raises(DataError, match=r"mine\.txt:\d+: the text spells the control token"):
        write_fresh(settled(recipe), tmp_path / "out")


def test_another_template_than_none_is_refused(recipe, tmp_path):
    from danlu.artefact import read_json, write_json

    write_fresh(settled(recipe), tmp_path / "model")
    write_json(tmp_path / "model/danlu.json", {**read_json(tmp_path / "model/danlu.json"), "template_sha256": "0" * 64})
    with pytest.raises(Refusal) as caught:
        locate(str(tmp_path / "model"))
    assert caught.value.number == 3
    with pytest.raises(LocatorError):
        locate(str(tmp_path / "nothing"))
