"""Copies: the first is kept; what differs where it matters is none."""

from danlu.data.deduplicate import Copies
from danlu.data.row import Row
from danlu.recipe import Deduplicate

POEM = "the old furnace burns below the hill and every night its keeper adds one more log of pine to the fire"


def rows(*dialogues):
    return [
        Row(
            f"a:{n}", "a", f"a.jsonl:{n}", tuple(dict(zip(("role", "content"), turn, strict=True)) for turn in dialogue)
        )
        for n, dialogue in enumerate(dialogues)
    ]


def judged(found, **settings):
    copies = Copies(Deduplicate(**settings))
    return [removal and (removal.reason, removal.copy_of) for removal in map(copies, found)]


def test_the_same_row_is_a_copy_and_almost_the_same_a_near_copy_of_the_first():
    texts = [POEM, POEM, POEM.upper() + "!", POEM.replace("pine", "oak"), "something else"]
    found = [Row(f"a:{n}", "a", "", text=text) for n, text in enumerate(texts)]
    assert judged(found, threshold=0.5) == [None, ("copy", "a:0"), ("near-copy", "a:0"), ("near-copy", "a:0"), None]


def test_a_chain_of_small_changes_does_not_swallow_its_end():
    words = POEM.split()
    chain = [" ".join(words[k : k + 16]) for k in range(0, 6, 2)]
    found = [Row(f"a:{n}", "a", "", text=text) for n, text in enumerate(chain)]
    assert judged(found, ngram=1, threshold=0.7) == [None, ("near-copy", "a:0"), None]


def test_one_system_prompt_for_all_does_not_make_them_copies():
    found = rows(
        [("system", POEM), ("user", "What is 3 + 4?"), ("assistant", "What do you get when you count on from 3?")],
        [("system", POEM), ("user", "Name a river."), ("assistant", "Which rivers have you seen yourself?")],
    )
    assert judged(found) == [None, None]


def test_rows_that_differ_in_a_tool_calls_arguments_alone_are_two():
    def calling(place):
        return {"type": "function", "function": {"name": "weather", "arguments": {"place": place}}}

    found = [
        Row(
            f"a:{n}",
            "a",
            "",
            ({"role": "user", "content": "Weather there?"}, {"role": "assistant", "content": "", "tool_calls": [call]}),
        )
        for n, call in enumerate([calling("Oslo"), calling("Rome"), calling("Oslo")])
    ]
    assert judged(found) == [None, None, ("copy", "a:0")]


def test_the_same_dialogue_under_another_system_prompt_is_a_near_copy():
    told = [("user", "Name a river."), ("assistant", "Which rivers have you seen yourself, and where?")]
    assert judged(rows([("system", "Be kind."), *told], [("system", "Be brief."), *told])) == [
        None,
        ("near-copy", "a:0"),
    ]
