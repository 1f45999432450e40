"""Rows that are too long follow the recipe's policy; what is lost is counted, and past the threshold refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from danlu.data.overlong import check_lost, fit
from danlu.data.row import Row
from danlu.errors import Refusal
from danlu.recipe import Data

TURN = len("<user\n>\n")
REPLY = len("<assistant\n>\n")


def recipe(**data):
    return Data.model_validate(
        {
            "sources": [{"name": "a", "path": "a", "licence": "own"}, {"name": "b", "path": "b", "licence": "own"}],
            **data,
        }
    )


def dialogue(*turns, system=None):
    roles = ("user", "assistant")
    messages = [{"role": roles[n % 2], "content": text} for n, text in enumerate(turns)]
    head = [{"role": "system", "content": system}] if system else []
    return Row("a:1", "a", "a.jsonl:1", tuple(head + messages))


def text_of(renderer, document):
    return renderer.tokenizer.decode(document.ids, skip_special=False)


def said(renderer, document):
    """What is supervised, in order."""
    return [text for text, kept in document.segments(renderer.tokenizer) if kept]


def test_a_row_of_exactly_max_length_is_whole_and_one_token_more_is_dropped_and_counted(renderer):
    row = dialogue("x" * 10, "y" * 20)
    size = TURN + 10 + REPLY + 20
    assert fit(row, recipe(max_length=size), renderer).lost == 0
    fitted = fit(row, recipe(max_length=size - 1), renderer)
    assert (fitted.documents, fitted.lost, fitted.longest) == ([], size, size)


def test_error_refuses_the_row_by_its_place(renderer):
    with pytest.raises(Refusal) as refusal:
        fit(dialogue("x" * 10, "y" * 20), recipe(max_length=20, overlong="error"), renderer)
    assert refusal.value.number == 2
    assert str(refusal.value) == (
        f"a.jsonl:1: {TURN + REPLY + 30} tokens, but data.max_length is 20 and data.overlong is error. Shorten the "
        "row, raise data.max_length, or choose drop, split or truncate-left."
    )


def test_truncate_left_keeps_the_supervised_end(renderer):
    row = dialogue("x" * 100, "the answer")
    fitted = fit(row, recipe(max_length=40, overlong="truncate-left"), renderer)
    (document,) = fitted.documents
    assert len(document.ids) == len(document.mask) == 40
    assert fitted.lost == TURN + 100 + REPLY + 10 - 40
    assert said(renderer, document) == ["the answer<|im_end|>"]


def test_a_row_left_without_a_supervised_token_is_refused(renderer):
    with pytest.raises(Refusal, match=r"a.jsonl:1: no supervised token in 2 tokens") as refusal:
        fit(Row("a:1", "a", "a.jsonl:1", text=""), recipe(form="text"), renderer)
    assert refusal.value.number == 1


def test_split_cuts_between_exchanges_and_repeats_the_system_prompt(renderer):
    row = dialogue("a" * 10, "A" * 10, "b" * 10, "B" * 10, "c" * 10, "C" * 10, system="Be kind.")
    exchange, system = TURN + REPLY + 20, len("<system\nBe kind.>\n")
    fitted = fit(row, recipe(max_length=system + 2 * exchange, overlong="split"), renderer)
    assert [said(renderer, d) for d in fitted.documents] == [
        ["A" * 10 + "<|im_end|>", "B" * 10 + "<|im_end|>"],
        ["C" * 10 + "<|im_end|>"],
    ]
    assert all(text_of(renderer, d).startswith("<|im_start|>system\nBe kind.") for d in fitted.documents)
    assert fitted.lost == 0


def test_an_exchange_that_is_too_long_alone_is_lost_and_the_others_stay(renderer):
    row = dialogue("a", "A", "b" * 90, "B", "c", "C")
    fitted = fit(row, recipe(max_length=60, overlong="split"), renderer)
    assert [said(renderer, d) for d in fitted.documents] == [["A<|im_end|>"], ["C<|im_end|>"]]
    assert fitted.lost == TURN + 90 + REPLY + 1


def test_a_tools_answer_stays_with_its_call(renderer):
    messages = (
        {"role": "user", "content": "a" * 20},
        {"role": "assistant", "content": "call"},
        {"role": "tool", "content": "result"},
        {"role": "assistant", "content": "A"},
        {"role": "user", "content": "b" * 20},
        {"role": "assistant", "content": "B"},
    )
    fitted = fit(Row("a:1", "a", "a.jsonl:1", messages), recipe(max_length=100, overlong="split"), renderer)
    first, second = fitted.documents
    assert "tool\nresult" in text_of(renderer, first)
    assert "call" not in text_of(renderer, second)


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 40)), min_size=1, max_size=8),
    st.integers(40, 120),
    st.sampled_from(["drop", "split", "truncate-left"]),
)
def test_no_document_is_too_long_and_what_is_neither_lost_nor_kept_is_nothing(renderer, sizes, limit, policy):
    turns = [text for k, (asked, said) in enumerate(sizes) for text in ("x" * asked, chr(65 + k) * said)]
    fitted = fit(dialogue(*turns), recipe(max_length=limit, overlong=policy), renderer)
    assert all(0 < len(d.ids) == len(d.mask) <= limit and any(d.mask[1:]) for d in fitted.documents)
    kept = sum(len(d.ids) for d in fitted.documents)
    assert kept + fitted.lost == sum(TURN + REPLY + asked + said for asked, said in sizes)


@given(st.integers(1, 400), st.integers(16, 60))
def test_a_long_text_is_split_without_loss_into_parts_that_each_teach_something(renderer, size, limit):
    row = Row("a:1", "a", "a.txt:1", text="".join(chr(97 + k % 26) for k in range(size)))
    fitted = fit(row, recipe(form="text", max_length=limit, overlong="split"), renderer)
    joined = [i for document in fitted.documents for i in document.ids]
    border = renderer.tokenizer.eos_id
    assert joined == [border, *renderer.tokenizer.encode(row.text), border]
    assert all(2 <= len(document.ids) <= limit for document in fitted.documents)


def test_losing_more_than_the_recipe_allows_is_refused_by_source():
    with pytest.raises(Refusal) as refusal:
        check_lost({"a": 0, "b": 1200}, {"a": 5000, "b": 800}, recipe(max_lost_tokens=0.1), 2310)
    assert refusal.value.number == 2
    assert str(refusal.value) == (
        "data.overlong=drop loses 17.1% of the tokens (b 1,200 of 2,000), more than data.max_lost_tokens allows "
        "(10.0%). The longest row has 2,310 tokens, data.max_length is 1,024. Raise data.max_length, choose another "
        "data.overlong, or raise data.max_lost_tokens."
    )
    check_lost({"a": 0, "b": 1200}, {"a": 5000, "b": 800}, recipe(max_lost_tokens=0.2), 2310)
    check_lost({"a": 0}, {}, recipe(max_lost_tokens=0), 0)
