"""Texts are split into context and continuation as lm-eval does."""

import pytest

from danlu.errors import DanluError
from danlu.generation import Engine, score_texts
from danlu.generation.score import _encode_pair


@pytest.fixture
def engine(tiny_base):
    return Engine.from_folder(tiny_base, precision="fp32")


def test_one_string_is_tokenised_and_split_where_the_context_ends(engine):
    tokenizer = engine.tokenizer
    context, continuation = _encode_pair(tokenizer, "Question: 2+2?\nAnswer:", " four")
    assert tokenizer.decode(context + continuation) == "Question: 2+2?\nAnswer: four"
    assert context == tokenizer.encode("Question: 2+2?\nAnswer:")


def test_spaces_at_the_end_of_a_context_belong_to_the_continuation(engine):
    assert _encode_pair(engine.tokenizer, "a  ", "b") == _encode_pair(engine.tokenizer, "a", "  b")


def test_an_empty_context_is_the_token_that_begins_a_text(engine):
    context, continuation = _encode_pair(engine.tokenizer, "", "ab")
    assert context == [engine.tokenizer.bos_id]
    assert continuation == engine.tokenizer.encode("ab")


def test_scores_stand_in_the_order_of_the_continuations(engine):
    items = [
        {"context": "one two", "continuations": [" three", " four", " five"]},
        {"context": "", "continuations": ["x"]},
    ]
    together = score_texts(engine, engine.tokenizer, items)
    assert [len(own) for own in together] == [3, 1]
    for item, own in zip(items, together, strict=True):
        for text, scored in zip(item["continuations"], own, strict=True):
            ((alone,),) = score_texts(engine, engine.tokenizer, [{**item, "continuations": [text]}])
            assert scored.logprob == pytest.approx(alone.logprob, abs=1e-4)
            assert scored.num_tokens == len(text)


def test_a_text_that_spells_a_control_token_is_an_error(engine):
    with pytest.raises((DanluError, ValueError), match="control token"):
        score_texts(engine, engine.tokenizer, [{"context": "a", "continuations": ["<|im_end|>"]}])
