"""Quality rules: what is removed, and what must not be."""

import pytest

from danlu.data.clean import clean
from danlu.data.filter import judge, repetition
from danlu.data.row import Row
from danlu.recipe import Filter


def row(user, *replies, system=None):
    messages = [{"role": "system", "content": system}] if system else []
    for reply in replies:
        messages += [{"role": "user", "content": user}, {"role": "assistant", "content": reply}]
    return Row("a:1", "a", "a.jsonl:1", tuple(messages))


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("la di da dum " * 5, 1.0),
        ("same line here\n" * 4 + "and one other line of the same sort", 56 / 91),
        ("no no no no", 0.0),  # too short to judge
        ("one two three four five six seven eight nine ten", 0.0),
        ("a b c d e f g h a b c d", 8 / 12),
    ],
)
def test_repetition_is_the_share_of_the_most_repeated_line_or_4gram(text, share):
    assert repetition(text) == pytest.approx(share)


def test_overlapping_repeats_do_not_count_twice():
    assert repetition("ha " * 20) == 1.0


def test_a_reply_that_repeats_itself_is_removed_but_a_short_answer_given_often_is_not():
    assert judge(row("Sing!", "la di da dum " * 5), Filter()).reason == "repetition"
    assert judge(row("Is it right?", *["Yes, it is."] * 9), Filter()) is None
    assert judge(row("spam " * 50, "That is spam, I think, and nothing else."), Filter()) is None


def test_limits_count_replies_from_below_and_everything_from_above():
    rules = Filter(min_reply_characters=6, max_characters=60)
    assert judge(row("A long enough question?", "Yes", "No"), rules) is not None
    assert judge(row("A?", "Yes!", "No"), rules) is None
    assert judge(row("A?", "Yes, indeed.", system="x" * 60), rules).reason == "too many characters"


def test_a_plain_text_has_no_reply_to_be_too_short():
    assert judge(Row("a:1", "a", "a.txt:1", text="Hm."), Filter(min_reply_characters=100)) is None


def test_tabs_and_line_ends_are_no_control_characters():
    assert clean(row("a\tb\r\nc", "Fine.\n")) is None
    assert clean(row("a\x1bb", "Fine.")).reason == "control character"
    assert clean(row(" ", "\n", system="Be kind.")).reason == "says nothing"
