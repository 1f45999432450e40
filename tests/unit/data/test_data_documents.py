"""Plain text as documents: a few long texts are cut, whole documents are held out, and nobody else sees them."""

import random

import pytest

from danlu.data import build, held_out_texts, training_texts
from danlu.data.documents import documents
from danlu.data.row import Row
from danlu.errors import DataError
from danlu.recipe import Data
from danlu.text.overlap import OverlapIndex
from danlu.tokens import Renderer

WORDS = "river stone lamp garden window silver teacher morning winter letter village orange pepper anchor".split()


def prose(seed, paragraphs=3, length=60):
    rng = random.Random(seed)
    return "\n\n".join(" ".join(rng.choices(WORDS, k=length)) for _ in range(paragraphs))


def write(path, texts):
    path.write_text("\n\n".join(texts))
    return {"name": path.stem, "path": path.name, "licence": "own"}


def recipe(*sources, **keys):
    return Data.model_validate(
        {"form": "text", "sources": list(sources), "max_length": 128, "overlong": "split", **keys}
    )


def test_a_single_text_is_cut_between_paragraphs_into_slices_of_itself():
    text = prose(0, paragraphs=200)
    cut = list(documents([Row("a:1", "a", "a.txt:1", text=text)], max_length=128))
    assert len(cut) > 20
    assert "\n\n".join(row.text for row in cut) == text
    assert min(len(row.text) for row in cut) >= 256
    assert all(row.text in text for row in cut)
    assert cut[1].where == f"a.txt:{1 + text[: text.index(cut[1].text)].count(chr(10))}"
    assert len({row.row_id for row in cut}) == len(cut)


def test_a_text_without_blank_lines_is_cut_at_its_lines():
    text = prose(0, paragraphs=100).replace("\n\n", "\n")
    cut = list(documents([Row("a:1", "a", "a.txt:1", text=text)], max_length=128))
    assert "\n".join(row.text for row in cut) == text
    assert len(cut) > 20


def test_many_documents_stay_as_they_are():
    rows = [Row(f"a:{i}", "a", f"a.jsonl:{i}", text=prose(i, paragraphs=30)) for i in range(20)]
    assert list(documents(rows, max_length=16)) == rows


@pytest.fixture
def data(tmp_path):
    copies = [prose(900, 10)] * 3
    texts = [prose(i, 10) for i in range(60)]
    return recipe(write(tmp_path / "mine.txt", [*texts[:30], *copies, *texts[30:]]))


def test_held_out_documents_and_training_share_no_passage(data, tmp_path):
    held = held_out_texts(data, 0.1, 200, 0, tmp_path)
    train = [row.text for row in training_texts(data, held, tmp_path)]
    assert held_out_texts(data, 0.1, 200, 0, tmp_path) == held
    assert 8 <= len(held) <= 0.2 * (len(held) + len(train))
    index = OverlapIndex({row.row_id: row.text for row in held}, 13)
    assert not any(index.find(text) for text in train)
    whole = (tmp_path / "mine.txt").read_text()
    assert sum(map(len, train)) + sum(len(row.text) for row in held) >= 0.98 * len(whole)


def test_another_seed_holds_out_other_documents_and_most_is_the_most(data, tmp_path):
    ids = [{row.row_id for row in held_out_texts(data, 0.3, 10, seed, tmp_path)} for seed in (0, 1)]
    assert ids[0] != ids[1]
    assert max(map(len, ids)) <= 10


def test_replay_is_never_held_out(tmp_path):
    mine, other = (
        write(tmp_path / "mine.txt", [prose(i, 10) for i in range(40)]),
        write(tmp_path / "b.txt", [prose(99, 200)]),
    )
    held = held_out_texts(recipe(mine, {**other, "replay": True}), 0.2, 200, 0, tmp_path)
    assert {row.source for row in held} == {"mine"}


def test_too_little_text_is_said(tmp_path):
    with pytest.raises(DataError, match="too few to hold some out"):
        held_out_texts(recipe(write(tmp_path / "mine.txt", [prose(0)])), 0.1, 200, 0, tmp_path)


def test_the_data_stage_trains_on_every_document_but_those(data, tmp_path, tiny_base):
    held = held_out_texts(data, 0.1, 200, 0, tmp_path)
    card = build(
        data,
        tmp_path / "out",
        renderer=Renderer.from_folder(tiny_base),
        items={row.row_id: row.text for row in held},
        root=tmp_path,
        left_out={row.row_id for row in held},
    )
    steps = {step["name"]: step for step in card["steps"]}
    assert steps["hold out"]["removed"] == {"held out for evaluation": len(held)}
    assert steps["decontaminate"]["removed"] == {}
