"""From sources to packs: every row's fate on record, every refusal in its words, the same bytes each time."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from danlu.data import build
from danlu.errors import DataError, Refusal, TemplateError, Waivers
from danlu.recipe import Data
from danlu.tokens import Shards

ITEM = "Ada has 7 apples and gives 3 of them to Ben before lunch. How many are left?"
TOPICS = "rivers bread music chess stars glass tea wool trains maps ferns clay".split()


def talk(user, reply, system=None):
    messages = [{"role": "user", "content": user}, {"role": "assistant", "content": reply}]
    return {"messages": [{"role": "system", "content": system}, *messages] if system else messages}


def talks(count=12):
    return [
        talk(f"Tell me one thing about {topic}, please.", f"There is much to say of {topic}: number {number}.")
        for number, topic in enumerate(TOPICS[:count])
    ]


def write(folder, rows, name="rows.jsonl"):
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return name


@pytest.fixture
def make(tmp_path, renderer):
    """Builds the data of rows; returns its card. `data`: keys of the recipe's data; `source`: of its one source."""

    def made(rows, *, items=None, waivers=None, emit=None, source=None, sources=None, **data):
        source = {"name": "mine", "licence": "own", **(source or {}), "path": write(tmp_path, rows)}
        recipe = Data.model_validate({"sources": sources or [source], "max_length": 256, **data})
        told = {"emit": emit} if emit else {}
        return build(
            recipe, tmp_path / "out", renderer=renderer, items=items or {}, root=tmp_path, waivers=waivers, **told
        )

    made.folder = tmp_path / "out"
    return made


def decisions(make):
    return pq.read_table(make.folder / "decisions.parquet").to_pylist()


def test_good_rows_arrive_as_the_renderer_makes_them(make, renderer):
    rows = talks()
    card = make(rows)
    documents = {d.row_id: d for d in Shards(make.folder).documents()}
    assert len(documents) == 12
    for number, row in enumerate(rows, start=1):
        rendered = renderer.train(row["messages"])
        assert documents[f"mine:{number}"].ids.tolist() == rendered.ids
        assert documents[f"mine:{number}"].mask.tolist() == rendered.mask
    assert card["num_tokens"] == sum(len(d.ids) for d in documents.values())
    assert card["num_supervised_tokens"] == sum(int(d.mask[1:].sum()) for d in documents.values())
    manifest = Shards(make.folder).manifest
    assert (manifest["max_length"], manifest["template_sha256"]) == (256, renderer.template_sha256)


def test_each_row_has_one_decision_that_names_the_step_and_the_reason(make):
    copies = [talks(1)[0], talk("Tell me one thing about rivers please", "There is much to say of rivers number 0")]
    broken = [talk("Nul\0!", "Hm."), talk("Mojib\ufffdke?", "Hm."), talk("Short?", "ok")]
    repeated = [talk("Sing!", "la di da dum " * 10)]
    contaminated = [talk(ITEM, "Count what is gone.")]
    long = [talk("How long?", "x" * 300)]
    rows = [*talks(), *copies, *broken, *repeated, *contaminated, *long]
    card = make(rows, items={"item:1": ITEM}, filter={"min_reply_characters": 3}, max_lost_tokens=0.9)
    told = decisions(make)
    assert [row["id"] for row in told] == [f"mine:{n}" for n in range(1, len(rows) + 1)]
    assert [row["kept"] for row in told] == [True] * 12 + [False] * 8
    assert [(row["step"], row["reason"]) for row in told[12:]] == [
        ("deduplicate", "copy: mine:1"),
        ("deduplicate", "near-copy: mine:1"),
        ("clean", "control character: U+0000"),
        ("clean", "broken encoding: U+FFFD"),
        ("filter", "short replies: 2 characters"),
        ("filter", "repetition: 100%"),
        ("decontaminate", "holds an evaluation item: item:1: ada has 7 apples and gives 3 of them to ben before lunch"),
        ("overlong", f"longer than max_length: {num_tokens('How long?', 'x' * 300)} tokens"),
    ]
    assert [row["cluster_id"] for row in told] == [
        *(f"mine:{n}" for n in range(1, 13)), "mine:1", "mine:1", None, None, None, None, "mine:19", "mine:20"
    ]  # fmt: skip
    removed = Counter()
    for step in card["steps"]:
        assert step["rows_in"] - step["rows_out"] == sum(step["removed"].values())
        removed += Counter({step["name"]: sum(step["removed"].values())})
    assert removed == Counter(row["step"] for row in told if not row["kept"])


def num_tokens(user, reply):
    """A byte is a token, and so is each end of a turn, written here as one character."""
    return len(f"<user\n{user}>\n<assistant\n{reply}>\n")


@pytest.mark.parametrize("spoilt", ["cafÃ© noir", "donâ€™t", "Ã¼ber", "\xc3\xa9t\xc3\xa9", "â\x80\x9cYesâ\x80\x9d"])
def test_utf_8_that_was_read_as_another_encoding_is_removed_and_named(make, spoilt):
    make([*talks(), talk("What is it?", spoilt)])
    assert decisions(make)[-1]["reason"].startswith("broken encoding: ")


def test_words_with_the_same_letters_are_left_alone(make):
    words = ["IRMÃ »disse«", "SÃO PAULO", "AMANHÃ”", "café », dit-il", "Â© 1998 sans Â", "“dash” – ’tis", "ÃÂ"]
    make([*talks(), *(talk(f"Say {word}!", f"{word}, {number}.") for number, word in enumerate(words))])
    assert all(row["kept"] for row in decisions(make))


def test_a_source_whose_assistant_asks_and_whose_users_explain_is_noted(make):
    asked = [f"What should one know of {topic} then?" for topic in TOPICS]
    told = [f"There is much to say of {topic}, and the most of it is said in books and letters." for topic in TOPICS]
    heard = []
    card = make([talk(*pair) for pair in zip(told, asked, strict=True)], emit=lambda *event: heard.append(event))
    assert card["notes"] == [
        "mine: 100% of the assistant's turns are questions, 0% of the user's, and the user's are longer. "
        "Are the roles or the columns swapped?"
    ]
    assert ("note", {"sentence": card["notes"][0]}) in heard
    assert make([talk(*pair) for pair in zip(asked, told, strict=True)])["notes"] == []


def test_a_tutor_that_asks_back_is_not_noted(make):
    rows = [talk(f"What should one know of {topic}?", f"What do you think about {topic}?") for topic in TOPICS]
    assert make(rows)["notes"] == []


def test_nothing_is_rewritten(make):
    rows = talks()
    rows[0]["messages"][0]["content"] = "  Cafe\u0301 \u00a0 and\r\n café?\t "
    make(rows)
    first = next(d for d in Shards(make.folder).documents() if d.row_id == "mine:1")
    said = bytes.fromhex("".join(f"{ord_of(i):02x}" for i in first.ids.tolist() if i > 2)).decode()
    assert rows[0]["messages"][0]["content"] in said


def ord_of(token):
    """The byte of a token of the byte-level vocabulary in conftest."""
    from tokenizers.pre_tokenizers import ByteLevel

    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    names = {**{chr(b): b for b in printable}}
    names |= {chr(256 + k): b for k, b in enumerate(b for b in range(256) if b not in printable)}
    return names[sorted(ByteLevel.alphabet())[token - 3]]


def test_the_system_prompt_is_given_to_the_dialogues_of_a_file_that_have_none(make):
    rows = [*talks(), talk("Who are you?", "A bard of old.", system="You are a bard.")]
    make(rows, system="You are a tutor.", deduplicate={"enabled": False})
    texts = {d.row_id: len(d.ids) for d in Shards(make.folder).documents()}
    make(rows, deduplicate={"enabled": False})
    bare = {d.row_id: len(d.ids) for d in Shards(make.folder).documents()}
    added = len("system\nYou are a tutor.\n") + 2
    assert [texts[i] - bare[i] for i in sorted(bare)] == [0 if i == "mine:13" else added for i in sorted(bare)]


def test_a_bad_row_stops_the_build_with_file_and_line(make):
    with pytest.raises(TemplateError, match=r"rows.jsonl:13: message 0 spells the control token '<\|im_end\|>'"):
        make([*talks(), talk("Stop<|im_end|>", "Why?")])


def test_an_empty_file_and_data_of_which_nothing_is_left_are_told_apart(make):
    with pytest.raises(DataError, match=r"rows.jsonl: the file is empty"):
        make([])
    with pytest.raises(DataError) as error:
        make([*talks(2), talks(1)[0], talk("Hm?", "Hm\0.")], filter={"min_reply_characters": 500})
    assert str(error.value) == (
        "nothing is left of the data: of 4 rows, clean removed 1 (control character: 1); "
        "filter removed 3 (short replies: 3)."
    )


def test_a_source_without_a_licence_is_refused_until_accepted(make):
    with pytest.raises(Refusal) as refusal:
        make(talks(), source={"licence": None})
    assert refusal.value.number == 16
    assert str(refusal.value) == (
        "data.sources: mine has no licence. Write `licence:` beside the name: an SPDX name such as CC-BY-4.0, `own`, "
        'or `unknown`. To go on all the same: --accept 16 --because "your reason".'
    )
    card = make(talks(), source={"licence": None}, waivers=Waivers({16: "a trial"}))
    assert card["sources"][0]["licence"] is None
    assert make(talks(), source={"licence": "unknown"})["sources"][0]["licence"] == "unknown"


def test_an_evaluation_item_in_the_data_is_refused_where_the_recipe_says_so(make):
    rows = [*talks(), talk(ITEM, "Count what is gone."), talk(f"Again: {ITEM}", "What did Ada give away?")]
    with pytest.raises(Refusal) as refusal:
        make(rows, items={"item:1": ITEM}, decontaminate={"action": "refuse"})
    assert refusal.value.number == 14
    assert str(refusal.value).startswith("2 rows hold an evaluation item, and data.decontaminate.action is refuse.")
    assert 'rows.jsonl:13 holds item:1: "ada has 7 apples and gives 3 of them to ben before lunch"' in str(
        refusal.value
    )
    assert "--accept 14" in str(refusal.value)
    card = make(
        rows, items={"item:1": ITEM}, decontaminate={"action": "refuse"}, waivers=Waivers({14: "they are public"})
    )
    assert card["decontaminate"]["kept"] == ["mine:13", "mine:14"]
    assert card["num_documents"] == 14


def test_switching_decontamination_off_is_refused_until_accepted(make):
    with pytest.raises(Refusal, match=r"data.decontaminate.enabled is false.*--accept 14") as refusal:
        make(talks(), decontaminate={"enabled": False})
    assert refusal.value.number == 14
    card = make(talks(), decontaminate={"enabled": False}, waivers=Waivers({14: "no evaluation"}))
    assert card["decontaminate"] is None


def test_rows_held_out_from_a_source_are_removed_from_its_training_rows(make, tmp_path):
    rows = talks()
    write(tmp_path, [talk(ITEM, "How many did she give away?", system="You are a tutor.")], "held.jsonl")
    card = make([*rows, talk(f"Please help. {ITEM}", "What do you know?")], source={"held_out": "held.jsonl"})
    assert card["sources"][0]["rows_kept"] == 12
    assert decisions(make)[12]["reason"].startswith("holds an evaluation item: mine held out:1: ada has 7 apples")


def test_an_item_hidden_in_a_system_prompt_or_a_tool_call_is_found(make):
    call = {"type": "function", "function": {"name": "ask", "arguments": {"question": ITEM}}}
    calling = [
        {"role": "user", "content": "Ask the oracle."},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "4"},
        {"role": "assistant", "content": "It says 4."},
    ]
    card = make(
        [*talks(), talk("Go on.", "I will.", system=f"Example: {ITEM}"), {"messages": calling}], items={"i": ITEM}
    )
    assert card["steps"][4]["removed"] == {"holds an evaluation item": 2}


def test_shares_use_a_seeded_half_or_every_row_twice(make):
    card = make(talks(), source={"share": 0.5})
    half = {row["id"] for row in decisions(make) if row["kept"]}
    assert len(half) == 6
    assert {row["reason"] for row in decisions(make) if not row["kept"]} == {"left out by share"}
    make(talks(), source={"share": 0.5}, seed=1)
    assert {row["id"] for row in decisions(make) if row["kept"]} != half
    twice = make(talks(), source={"share": 2})
    assert twice["num_documents"] == 24
    assert twice["sources"][0]["rows_kept"] == 12
    mixed = make(talks(), source={"share": 1.25})
    assert Counter(Counter(d.row_id for d in Shards(make.folder).documents()).values()) == {1: 9, 2: 3}
    assert mixed["num_tokens"] > card["num_tokens"]
    with pytest.raises(DataError, match=r"data.sources.mine: share 0.01 of 12 rows is none. Raise it."):
        make(talks(), source={"share": 0.01})


def test_plain_texts_stand_between_begin_and_end_and_are_supervised_throughout(make, renderer):
    texts = [f"A short piece about {topic}, which is not long." for topic in TOPICS]
    make([{"text": text} for text in texts], form="text")
    documents = {d.row_id: d for d in Shards(make.folder).documents()}
    border = renderer.tokenizer.eos_id  # of this tokenizer's, one token does both
    assert documents["mine:1"].ids.tolist() == [border, *renderer.tokenizer.encode(texts[0]), border]
    assert documents["mine:1"].mask.tolist() == [False, *[True] * (len(documents["mine:1"].ids) - 1)]
    with pytest.raises(DataError, match=r"rows.jsonl:1: the text spells the control token '<\|endoftext\|>'"):
        make([{"text": "one<|endoftext|>two"}], form="text")


def test_rows_of_another_form_than_the_recipe_says_are_an_error(make):
    with pytest.raises(DataError, match=r"rows.jsonl:1: plain text, but data.form is dialogues.*pretrain"):
        make([{"text": "once"}])
    with pytest.raises(DataError, match=r"rows.jsonl:1: a dialogue, but data.form is text.*sft"):
        make(talks(), form="text")


def test_generated_sources_are_read_and_stand_on_the_card_with_their_generator(make):
    generated = {"name": "tutor", "generator": "tutor", "rows": 20, "seed": 3}
    card = make([], sources=[generated], max_length=4096)
    (source,) = card["sources"]
    assert (source["generator"], source["seed"], source["rows_in"], source["licence"]) == ("tutor", 3, 20, "own")


def test_the_card_holds_no_path_of_this_machine(make, tmp_path):
    make(talks())
    assert str(tmp_path) not in (make.folder / "card.json").read_text()


def test_steps_are_told_as_they_end(make):
    heard = []
    card = make(talks(), emit=lambda event, fields: heard.append((event, dict(fields))))
    told = [fields for event, fields in heard if event == "data_step"]
    assert told == [{key: step[key] for key in ("name", "rows_in", "rows_out")} for step in card["steps"]]
    assert [step["name"] for step in told] == "read clean filter deduplicate decontaminate mix overlong".split()


def test_a_build_that_fails_at_its_end_leaves_no_data_that_look_whole(make, monkeypatch):
    from danlu.data import pipeline

    make(talks())

    def fail(*_):
        raise OSError("killed")

    monkeypatch.setattr(pipeline, "write_shards", fail)
    with pytest.raises(OSError, match="killed"):
        make(talks(6))
    assert not (make.folder / "card.json").exists()
    with pytest.raises(DataError, match="no finished data here"):
        Shards(make.folder)


def test_the_same_inputs_give_the_same_bytes_in_every_process(make, tmp_path):
    rows = [*talks(), talks(1)[0], talk("Nul\0!", "Hm.")]
    write(tmp_path, rows)
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import conftest\nfrom pathlib import Path\nfrom danlu.data import build\nfrom danlu.recipe import Data\n"
        "data = Data.model_validate({'sources': [{'name': 'mine', 'path': 'rows.jsonl', 'licence': 'own'},"
        " {'name': 'tutor', 'generator': 'tutor', 'rows': 30}], 'max_length': 4096})\n"
        "renderer = conftest.renderer.__wrapped__()\n"
        "build(data, Path(sys.argv[3]), renderer=renderer, items={}, root=Path(sys.argv[2]))\n"
    )
    folders = []
    for seed in ("1", "2"):
        folders.append(tmp_path / f"out-{seed}")
        subprocess.run(
            [sys.executable, "-c", program, str(Path(__file__).parent), str(tmp_path), str(folders[-1])],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
        )
    names = sorted(path.name for path in folders[0].iterdir())
    assert names == ["card.json", "decisions.parquet", "documents.parquet", "manifest.json"]
    for name in names:
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes(), name
