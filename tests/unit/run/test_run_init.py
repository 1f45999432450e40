"""From the user's file to a recipe that loads, whose comments are true, and whose held-out rows stay out."""

import json
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from danlu.data import build
from danlu.data.formats import read
from danlu.errors import DataError, RecipeError, Waivers
from danlu.hub import resolve
from danlu.hub.store import silent
from danlu.recipe import FileSource, GeneratedSource, load
from danlu.run.init import Wanted, prepare, read_sources
from danlu.run.init.commented import written
from danlu.run.init.documents import blocks, items, split_texts
from danlu.run.init.phrases import copy_threshold, shared_run
from danlu.run.init.settings import Measured, choose
from danlu.tokens import Renderer

WORDS = "one two three four five six seven eight nine ten red blue green north south east west cat dog sun moon".split()


def talks(count, seed=0):
    generator = random.Random(seed)

    def say(k):
        return " ".join(generator.choices(WORDS, k=k))

    return [{"prompt": say(10), "completion": say(5)} for _ in range(count)]


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def prepared(tiny_base, tmp_path):
    def run(*files, name="mine", force=False):
        return prepare(read_sources(files), Wanted(str(tiny_base), "own", name, tmp_path / "out", force))

    return run


def test_every_line_of_the_recipe_has_a_comment_and_it_loads(prepared, tmp_path):
    done = prepared(write(tmp_path / "a.jsonl", talks(60)))
    lines = done.path.read_text().splitlines()
    assert all(re.search(r"(^|\s)# \S", line) for line in lines)
    recipe = load(done.path)
    assert recipe == done.recipe
    assert recipe.data.form == "dialogues"
    assert [type(s) for s in recipe.data.sources] == [FileSource, GeneratedSource]
    assert {s.licence for s in recipe.data.sources} == {"own"}


def test_what_the_comments_say_is_what_the_recipe_holds(prepared, tmp_path):
    done = prepared(write(tmp_path / "a.jsonl", talks(60)))
    recipe, text = done.recipe, done.path.read_text()

    def number(pattern):
        return float(re.search(pattern, text)[1].replace(",", ""))

    assert number(r"packs? of (\d+)") == recipe.data.max_length
    assert number(r": (\d+) packs? of") * recipe.data.max_length == recipe.training.batch_tokens
    assert number(r"# (\S+) pass(?:es)? over") == recipe.training.epochs
    assert number(r"accuracy: (\S+) points") == 100 * recipe.evaluation.guard.margin
    assert number(r"more than (\d+)% of the tokens") == 100 * recipe.data.max_lost_tokens
    root = done.path.parent
    assert number(r"the (\d+) rows of a.jsonl") == len(list(read(root / recipe.data.sources[0].path, "auto", "a")))
    assert number(r"# (\d+) rows never trained") == len(list(read(root / recipe.evaluation.scenario.path, "auto", "h")))
    rows = [row for look in done.sides.train for row in look.rendered]  # none of them a copy
    assert number(r"the longest has (\d+)") == max(len(row.ids) for row in rows)
    assert number(r"over your ([\d,]+) tokens") == sum(len(row.ids) for row in rows)


def test_the_data_that_is_built_is_what_init_foretold(prepared, tmp_path):
    rows = talks(60)
    done = prepared(write(tmp_path / "a.jsonl", [*rows, *rows[:4]]))
    card = build(
        done.recipe.data,
        tmp_path / "built",
        renderer=Renderer.from_folder(done.base.folder),
        items={row.row_id: row.messages[0]["content"] for row in done.sides.held_out},
        root=done.path.parent,
        waivers=Waivers(),
        emit=silent,
    )
    mine = next(source for source in card["sources"] if source["name"] == "a")
    assert f"over your {mine['tokens']:,} tokens" in done.path.read_text()
    assert mine["rows_in"] - mine["rows_kept"] == done.found.num_copies + done.found.num_shared


def test_the_base_is_found_from_the_recipe_and_pinned(prepared, tmp_path, tiny_base):
    done = prepared(write(tmp_path / "a.jsonl", talks(60)))
    assert not Path(done.recipe.base.model).is_absolute()
    assert resolve(done.recipe.base.model, root=done.path.parent).sha256 == resolve(str(tiny_base)).sha256


def test_each_row_lies_on_one_side_and_names_its_line(prepared, tmp_path):
    rows = talks(60)
    path = write(tmp_path / "a.jsonl", rows)
    before = path.read_bytes()
    done = prepared(path)
    folder = done.path.parent / "mine-data"
    names = ("train.jsonl", "held-out.jsonl")
    sides = [[json.loads(line) for line in (folder / name).read_text().splitlines()] for name in names]
    assert len(sides[0]) + len(sides[1]) == 60
    assert len(sides[1]) >= 8
    for row in sides[0] + sides[1]:
        file, line = row["where"].split(":")
        assert file == "a.jsonl"
        assert row["messages"][0]["content"] == rows[int(line) - 1]["prompt"]
    assert not {r["where"] for r in sides[0]} & {r["where"] for r in sides[1]}
    assert len({r["cluster"] for r in sides[1]}) == len(sides[1])
    assert path.read_bytes() == before


def test_a_near_copy_of_a_held_out_row_is_on_neither_side(prepared, tmp_path):
    rows = talks(30)
    copies = [{"prompt": row["prompt"], "completion": "other words"} for row in rows]
    done = prepared(write(tmp_path / "a.jsonl", rows + copies))
    trained = {look.row.messages[0]["content"] for look in done.sides.train}
    assert not trained & {row.messages[0]["content"] for row in done.sides.held_out}
    assert done.sides.left_out == len(done.sides.held_out)
    assert done.sides.near == 30


def test_the_same_files_make_the_same_bytes(prepared, tmp_path):
    path = write(tmp_path / "a.jsonl", talks(60))

    def content():
        return {p.name: p.read_bytes() for p in sorted((tmp_path / "out").rglob("*")) if p.is_file()}

    prepared(path)
    first = content()
    prepared(path, force=True)
    assert content() == first
    assert str(tmp_path) not in "".join(bytes.decode() for bytes in first.values())


def test_nothing_is_overwritten_unless_asked(prepared, tmp_path):
    path = write(tmp_path / "a.jsonl", talks(60))
    prepared(path)
    with pytest.raises(RecipeError, match=r"mine\.yaml exists\. Choose another --name"):
        prepared(path)
    prepared(path, force=True)


def test_the_users_own_file_is_not_overwritten_even_when_asked(prepared, tmp_path):
    (tmp_path / "out" / "mine-data").mkdir(parents=True)
    path = write(tmp_path / "out" / "mine-data" / "train.jsonl", talks(60))
    with pytest.raises(RecipeError, match="is your own file"):
        prepared(path, force=True)


def test_several_files_are_several_sources_with_one_held_out_file(prepared, tmp_path):
    call = {"conversations": [{"from": "gpt", "value": "Hello?"}]}
    turns = [
        [{"from": "human", "value": t["prompt"]}, {"from": "gpt", "value": t["completion"]}] for t in talks(60, seed=1)
    ]
    calls = [{"conversations": call["conversations"] + turn} for turn in turns]  # the assistant opens these
    done = prepared(write(tmp_path / "faq.jsonl", talks(60)), write(tmp_path / "calls.jsonl", calls))
    assert [s.name for s in done.recipe.data.sources] == ["faq", "calls", "general"]
    root = done.path.parent
    held_out = list(read(root / done.recipe.evaluation.scenario.path, "auto", "held-out"))
    assert {row.messages[0]["role"] for row in held_out} == {"user", "assistant"}


def test_plain_text_is_trained_on_whole_and_its_end_held_out(prepared, tmp_path):
    generator = random.Random(0)
    paragraphs = [" ".join(generator.choices(WORDS, k=45)) for _ in range(60)]
    path = tmp_path / "book.md"
    path.write_text("\n\n".join(paragraphs) + "\n")
    done = prepared(path)
    assert (done.recipe.data.form, done.recipe.training.objective) == ("text", "pretrain")
    assert len(done.recipe.data.sources) == 1
    held_out = list(read(done.path.parent / done.recipe.evaluation.scenario.path, "auto", "held-out"))
    assert len(held_out) >= 8
    assert [row.text for row in held_out] == paragraphs[-len(held_out) :]
    assert done.sides.held_out[0].where == f"{path}:{2 * (60 - len(held_out)) + 1}"


def test_rows_that_do_not_render_are_listed_with_their_lines(prepared, tmp_path):
    rows = talks(60)
    rows[3]["prompt"] = "<|im_end|> oops"
    path = write(tmp_path / "a.jsonl", rows)
    with pytest.raises(DataError, match=rf"^{re.escape(str(path))}:4: message 0 spells the control token"):
        prepared(path)
    rows[9]["completion"] = "<|im_start|>"
    with pytest.raises(DataError, match=r"2 of 60 rows cannot be trained on:\n.*:4: .*\n.*:10: "):
        prepared(write(path, rows))


def test_rows_past_the_context_are_refused_unless_they_can_be_split(prepared, tmp_path):
    fine = talks(60)
    long = [{"prompt": t["prompt"], "completion": "word " * 60} for t in talks(6, seed=1)]  # the tiny base reads 256
    with pytest.raises(DataError, match=r"6 of \d+ rows hold an exchange longer than the 256 tokens"):
        prepared(write(tmp_path / "a.jsonl", [*fine, *long]), name="long")
    turns = [
        {"messages": turn_pair(t) + turn_pair(u) + turn_pair(v)} for t, u, v in zip(*[iter(talks(90))] * 3, strict=True)
    ]
    done = prepared(write(tmp_path / "b.jsonl", [{"messages": turn_pair(t)} for t in fine] + turns), name="split")
    assert done.recipe.data.overlong == "split"
    with pytest.raises(DataError, match="60 of 60 rows are longer than the 256 tokens"):
        prepared(write(tmp_path / "c.jsonl", [{**t, "completion": "word " * 60} for t in fine]), name="none")


def turn_pair(talk):
    return [{"role": "user", "content": talk["prompt"]}, {"role": "assistant", "content": talk["completion"]}]


def test_files_that_do_not_go_together_are_refused(tmp_path):
    book = tmp_path / "book.txt"
    book.write_text("words")
    path = write(tmp_path / "a.jsonl", talks(3))
    with pytest.raises(DataError, match=r"book\.txt is plain text, but .*a\.jsonl holds dialogues"):
        read_sources([path, book])
    with pytest.raises(DataError, match="named twice"):
        read_sources([path, path])
    short = write(tmp_path / "b.jsonl", talks(3))
    assert [s.name for s in read_sources([path, short])] == ["a", "b"]


def test_too_little_text_is_said(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("A few words.\n")
    (source,) = read_sources([path])
    with pytest.raises(DataError, match="3 words in 1 document are too little text"):
        split_texts(source.rows, 0)


def test_passages_and_blocks_hold_all_words_and_headings_stay_with_their_text(tmp_path):
    path = tmp_path / "a.md"
    path.write_text("\n\n".join(f"# Part {n}\n\n" + f"word{n} " * 30 for n in range(9)))
    (row,) = read_sources([path])[0].rows
    for parts in (items(row), blocks(row, lambda text: len(text) < 500)):
        assert len(parts) > 1
        assert [w for part in parts for w in part.text.split()] == row.text.split()
        assert all(part.text.startswith("# Part") for part in parts)
        lines = row.text.splitlines()
        assert all(lines[int(part.where.rpartition(":")[2]) - 1] == part.text.splitlines()[0] for part in parts)


@given(
    st.lists(st.integers(2, 5000), min_size=12, max_size=200),
    st.lists(st.integers(1, 900), min_size=1, max_size=50),
    st.sampled_from([256, 2048, 131072]),
    st.sampled_from([135e6, 500e6, 8e9]),
)
def test_settings_fit_the_rows_the_context_and_each_other(lengths, replies, context, size):
    settings = choose(Measured(lengths, replies, context, int(size)))
    assert settings.max_length <= context
    assert settings.batch_tokens % settings.max_length == 0
    assert settings.batch_tokens <= max(4096, settings.max_length)
    assert settings.trained_tokens <= 300_000
    assert settings.lost_tokens <= 0.02
    if context == 131072:
        assert sum(length > settings.max_length for length in lengths) <= 0.01 * len(lengths)
    if settings.overlong == "drop":
        kept = sum(length for length in lengths if length <= settings.max_length)
        assert settings.num_tokens == kept


def test_set_phrases_in_replies_are_not_taken_for_copies(prepared, tmp_path):
    phrase = " ".join(f"w{n}" for n in range(20))
    rows = [{"prompt": t["prompt"], "completion": phrase} for t in talks(60)]
    assert prepared(write(tmp_path / "a.jsonl", rows)).recipe.data.decontaminate.ngram == 25
    long = " ".join(f"w{n}" for n in range(200))
    rows = [{"prompt": t["prompt"], "completion": long} for t in talks(60)]
    rows += rows[:5]  # copies they are: the same question
    given = list(read(write(tmp_path / "c.jsonl", rows), "auto", "c"))
    threshold, removed = copy_threshold(given)
    assert threshold > 0.8
    assert removed == {f"c:{n}" for n in range(61, 66)}
    plain = prepared(write(tmp_path / "b.jsonl", talks(60)), name="other").recipe.data
    assert (plain.decontaminate.ngram, plain.deduplicate.threshold) == (13, 0.8)
    assert shared_run(given[:3], given[10:12])[0] == 50


@pytest.mark.parametrize("text", ["no", "null", "a: b", "12", "1e3", "# x", "ä", "it's", "- a", "../x y/z.jsonl", "a:"])
def test_a_text_is_written_so_that_yaml_reads_the_same_text(text):
    from ruamel.yaml import YAML

    assert YAML(typ="safe", pure=True).load(f"key: {written(text)}  # comment") == {"key": text}


def test_init_does_not_import_torch(tiny_base, tmp_path):
    path = write(tmp_path / "a.jsonl", talks(60))
    program = (
        "import sys\nfrom pathlib import Path\n"
        "from danlu.run.init import Wanted, plan_of, prepare, read_sources\n"
        "file, base, out = sys.argv[1:]\n"
        "plan_of(prepare(read_sources([Path(file)]), Wanted(base, 'own', 'a', Path(out))))\n"
        "assert 'torch' not in sys.modules, 'torch was imported'\n"
    )
    command = [sys.executable, "-c", program, str(path), str(tiny_base), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
