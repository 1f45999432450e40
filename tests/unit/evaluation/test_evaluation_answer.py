"""What an arm answers is kept item by item, goes on after a kill, and ends in the same bytes."""

import json
import math
from dataclasses import dataclass

import pytest

from danlu.artefact import hash_folder, read_jsonl
from danlu.errors import DataError
from danlu.evaluation import answer, check_lengths, compare, read_items, write_items
from danlu.recipe.evaluation import Evaluation
from danlu.tokens import Renderer


@dataclass
class Reply:
    text: str
    finish_reason: str = "stop"


@dataclass
class Scored:
    logprob: float
    num_tokens: int


class Killed(BaseException):
    """kill -9, as far as a test can send it."""


class Arm:
    """Both protocols: a reply and a score that depend on what is asked alone. Dies at call number `dies`."""

    def __init__(self, dies=math.inf):
        self.dies, self.asked, self.conversations, self.requests = dies, 0, [], []

    def _count(self):
        self.asked += 1
        if self.asked > self.dies:
            raise Killed

    def reply(self, conversations, sampling, emit=None):
        self._count()
        assert sampling.temperature == 0
        self.conversations += conversations
        return [Reply(f"{sampling.max_new_tokens}: what of {c[-1]['content'][:9]}?") for c in conversations]

    def score(self, requests, emit=None):
        self._count()
        self.requests += requests
        return [
            [Scored(-sum((7 * i + len(seen)) % 11 for i in ids) / 3, len(ids)) for ids in continuations]
            for seen, continuations in requests
        ]


def tutor_item(n):
    ask = {"role": "user", "content": f"{n} bags hold 14 apples each. How many apples?"}
    return {
        "item_id": f"tutor:bags:{n}",
        "cluster": f"bags{n % 7}",
        "problem": ask["content"],
        "answer": 14 * n,
        "forbidden": [14 * n],
        "first": {"messages": [{"role": "system", "content": "Ask."}, ask]},
        "closing": {"messages": [{"role": "system", "content": "Ask."}, ask, ask | {"content": f"{n} times 14"}]},
    }


def held_out_item(n):
    said = [("user", f"Say {n}."), ("assistant", f"{n}!"), ("user", "Again?"), ("assistant", f"{n}, {n}!")]
    messages = [{"role": role, "content": content} for role, content in said]
    return {"item_id": f"held-out:{n}", "cluster": f"held-out:{n}", "messages": messages}


TEXTS = [{"item_id": f"text:{n}", "cluster": f"text:{n}", "text": "Rain fell. " * (n + 1)} for n in range(5)]
EXAMPLE = [{"role": "user", "content": "E?"}, {"role": "assistant", "content": "e"}]


@pytest.fixture
def renderer(tiny_base):
    return Renderer.from_folder(tiny_base)


@pytest.fixture
def tutor(tmp_path):
    evaluation = Evaluation.model_validate(
        {"scenario": {"kind": "tutor", "max_new_tokens": 9}, "guard": {"tasks": ["general-text"]}, "batch": 4}
    )
    write_items(
        evaluation,
        tmp_path / "items",
        scenario=[tutor_item(n) for n in range(2, 12)],
        few_shot={"messages": EXAMPLE},
        wheel=None,
        general_texts=TEXTS,
    )
    return evaluation, tmp_path / "items"


@pytest.fixture
def held_out(tmp_path):
    scenario = {"kind": "held-out", "path": "x", "samples": 2}
    evaluation = Evaluation.model_validate({"scenario": scenario, "guard": None, "batch": 3})
    write_items(
        evaluation,
        tmp_path / "held-out-items",
        scenario=[held_out_item(n) for n in range(7)],
        few_shot=None,
        wheel=None,
        general_texts=[],
    )
    return evaluation, tmp_path / "held-out-items"


def ask(what, out, renderer, model, *, arm="base", emit=lambda name, fields: None):
    evaluation, items = what
    answer(evaluation, items, out, chat=model, generator=model, renderer=renderer, arm=arm, emit=emit)


def records(path):
    return [record for _, record in read_jsonl(path)]


def test_each_item_keeps_its_replies_and_marks(tutor, tmp_path, renderer):
    ask(tutor, tmp_path / "base", renderer, Arm())
    kept = records(tmp_path / "base" / "scenario.jsonl")
    assert [r["item_id"] for r in kept] == [i["item_id"] for i in read_items(tutor[1], "scenario")]
    assert kept[0]["replies"]["first"] == {"text": "9: what of 2 bags ho?", "finish_reason": "stop"}
    assert set(kept[0]["marks"]["first"]) == {"one_question", "gives_nothing_away", "in_role"}
    assert set(kept[0]["marks"]["closing"]) == {"final_number", "in_role"}


def test_only_the_base_is_asked_under_its_best_prompt_too(tutor, tmp_path, renderer):
    base, tuned = Arm(), Arm()
    ask(tutor, tmp_path / "base", renderer, base)
    ask(tutor, tmp_path / "tuned", renderer, tuned, arm="tuned")
    assert {p.name for p in (tmp_path / "base").iterdir()} - {p.name for p in (tmp_path / "tuned").iterdir()} == {
        "scenario-few-shot.jsonl"
    }
    prompted = [c for c in base.conversations if EXAMPLE[0] in c]
    assert len(prompted) == 20 and all(c[1:3] == EXAMPLE for c in prompted)
    assert not any(EXAMPLE[0] in c for c in tuned.conversations)


@pytest.mark.parametrize("dies", range(12))
def test_a_kill_at_any_moment_ends_in_the_same_bytes(tutor, tmp_path, renderer, dies):
    ask(tutor, tmp_path / "whole", renderer, Arm())
    with pytest.raises(Killed):
        ask(tutor, tmp_path / "killed", renderer, Arm(dies))
    ask(tutor, tmp_path / "killed", renderer, Arm())
    assert hash_folder(tmp_path / "killed") == hash_folder(tmp_path / "whole")


@pytest.mark.parametrize("share", [0.03, 0.5, 0.77, 0.999])
def test_a_line_torn_by_a_kill_is_cut_and_its_chunk_asked_again(tutor, tmp_path, renderer, share):
    ask(tutor, tmp_path / "whole", renderer, Arm())
    ask(tutor, tmp_path / "torn", renderer, Arm())
    path = tmp_path / "torn" / "scenario.jsonl"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    ask(tutor, tmp_path / "torn", renderer, Arm())
    assert hash_folder(tmp_path / "torn") == hash_folder(tmp_path / "whole")


def test_what_is_finished_is_not_asked_again(tutor, tmp_path, renderer):
    ask(tutor, tmp_path / "base", renderer, Arm())
    again = Arm()
    ask(tutor, tmp_path / "base", renderer, again)
    assert again.asked == 0


def test_answers_to_other_items_are_never_continued(tutor, tmp_path, renderer):
    out = tmp_path / "base"
    out.mkdir()
    (out / "scenario.jsonl").write_text(json.dumps({"item_id": "tutor:boxes:1"}) + "\n")
    with pytest.raises(DataError, match=r"scenario\.jsonl: holds answers to other items"):
        ask(tutor, out, renderer, Arm())
    (out / "scenario.jsonl").write_text("not a log\n")
    with pytest.raises(DataError, match="not a log of answers"):
        ask(tutor, out, renderer, Arm())
    assert (out / "scenario.jsonl").read_text() == "not a log\n"


def test_progress_counts_the_items_of_each_task_up_to_its_total(tutor, tmp_path, renderer):
    events = []
    ask(tutor, tmp_path / "base", renderer, Arm(), emit=lambda name, fields: events.append((name, dict(fields))))
    scenario = [f for name, f in events if name == "answer" and f["task"] == "scenario"]
    assert [f["done"] for f in scenario] == [0, 4, 8, 10]
    assert {(f["total"], f["arm"]) for f in scenario} == {(10, "base")}


def test_the_held_out_loss_is_that_of_every_supervised_token(held_out, tmp_path, renderer):
    model = Arm()
    ask(held_out, tmp_path / "base", renderer, model)
    kept = records(tmp_path / "base" / "scenario.jsonl")
    for item, record in zip(read_items(held_out[1], "scenario"), kept, strict=True):
        row = renderer.train(item["messages"])
        assert record["num_tokens"] == sum(row.mask)
        assert record["loss"] == -record["logprob"] / record["num_tokens"]
    item = held_out_item(0)
    row = renderer.train(item["messages"])
    seen, (predicted,) = model.requests[1]  # the second reply of the first item
    assert list(seen) + list(predicted) == row.ids[: len(seen) + len(predicted)]
    assert row.mask[len(seen)] and not row.mask[len(seen) - 1]


def test_only_the_first_held_out_rows_get_a_reply_for_the_report(held_out, tmp_path, renderer):
    model = Arm()
    ask(held_out, tmp_path / "base", renderer, model)
    kept = records(tmp_path / "base" / "scenario.jsonl")
    assert [r["item_id"] for r in kept if "reply" in r] == ["held-out:0", "held-out:1"]
    assert all(c[-1]["role"] == "user" for c in model.conversations)


def test_every_token_of_a_general_text_is_predicted(tutor, tmp_path, renderer):
    ask(tutor, tmp_path / "base", renderer, Arm())
    for item, record in zip(TEXTS, records(tmp_path / "base" / "general-text.jsonl"), strict=True):
        assert record["num_tokens"] == len(renderer.tokenizer.encode(item["text"]))


def test_a_text_that_spells_a_control_token_is_named(tutor, tmp_path, renderer):
    evaluation, items = tutor
    line = {"item_id": "text:9", "cluster": "text:9", "text": "a<|im_end|>b"}
    (items / "general-text.jsonl").write_text(json.dumps(line) + "\n")
    with pytest.raises(DataError, match=r"text:9 spells the control token '<\|im_end\|>'"):
        ask((evaluation, items), tmp_path / "base", renderer, Arm())


def test_an_item_longer_than_the_context_is_named_before_anything_is_asked(tutor, held_out, renderer):
    for what in (tutor, held_out):
        check_lengths(*what, renderer, 2048)
    with pytest.raises(DataError, match=r"item tutor:bags:2 of scenario needs \d+ tokens, its reply included"):
        check_lengths(*tutor, renderer, 100)
    with pytest.raises(DataError, match=r"item held-out:0 of scenario needs \d+ tokens"):
        check_lengths(*held_out, renderer, 40)


def test_a_held_out_row_that_the_template_cannot_render_is_named(held_out, renderer):
    evaluation, items = held_out
    row = held_out_item(0)
    row["messages"][0]["content"] = "a<|im_end|>b"
    (items / "scenario.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(DataError, match=r"item held-out:0: message 0 spells the control token"):
        check_lengths(evaluation, items, renderer, 2048)


def test_an_engine_answers_every_kind_of_task_and_the_same_model_is_no_gain(tiny_base, wheel, renderer, tmp_path):
    from danlu.generation import Engine, LocalChat

    guard = {"tasks": ["arc-easy", "sciq", "general-text"], "items": 12}
    evaluation = Evaluation.model_validate({"scenario": {"kind": "tutor", "max_new_tokens": 3}, "guard": guard})
    items = [tutor_item(n) for n in range(2, 9)]
    for item in items:
        for turn in ("first", "closing"):
            item[turn]["messages"] = item[turn]["messages"][-1:]  # the model holds 256 positions
    write_items(
        evaluation,
        tmp_path / "items",
        scenario=items,
        few_shot={"messages": EXAMPLE},
        wheel=wheel,
        general_texts=TEXTS,
    )
    engine = Engine.from_folder(tiny_base, batch=4, precision="fp32")
    for arm in ("base", "tuned"):
        answer(
            evaluation,
            tmp_path / "items",
            tmp_path / arm,
            chat=LocalChat(engine, renderer),
            generator=engine,
            renderer=renderer,
            arm=arm,
            emit=lambda name, fields: None,
        )
    result = compare(evaluation, tmp_path / "items", tmp_path / "base", tmp_path / "tuned")
    assert (result["verdict"], result["ship"]) == ("undecided", False)
    assert [row["metric"] for row in result["guard"]] == ["accuracy", "arc-easy_acc", "sciq_acc", "general_text_loss"]
    assert all(row["diff"] == 0 for row in result["scenario"] + result["guard"] if row["against"] == "base")
    for record in records(tmp_path / "base" / "sciq.jsonl"):
        assert len(record["choice_logprobs"]) == 4 and record["correct"] == record["acc"]
