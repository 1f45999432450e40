"""A tokenizer of one's own loses no byte, is the same each time, and is one that transformers reads."""

import pytest

from danlu.errors import DataError
from danlu.tokens import Tokenizer
from danlu.tokens.bpe import END_OF_TEXT, train_bpe

TEXTS = [
    f"The lamp in the {a} garden cost {n} crowns, didn't it?\n\n  Yes; {a}." for a in ("old", "new") for n in range(300)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("bpe")
    train_bpe(TEXTS, 340, path)
    return path


@pytest.mark.parametrize(
    "text", ["The old lamp", "naïve 丹炉 \U0001f525", "\x00\x7f\xa0", "  two\n\n\n\tlines \r\n ", "didn't"]
)
def test_any_text_comes_back_whole(folder, text):
    tokenizer = Tokenizer.from_folder(folder)
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_the_vocabulary_is_as_large_as_asked_and_a_text_begins_and_ends_with_one_token(folder):
    tokenizer = Tokenizer.from_folder(folder)
    assert tokenizer.vocab_size == 340
    assert tokenizer.begin_id == tokenizer.eos_id == tokenizer.special[END_OF_TEXT]
    assert len(tokenizer.encode("The lamp in the old garden")) < 12


def test_the_same_texts_give_the_same_bytes(folder, tmp_path):
    train_bpe(TEXTS, 340, tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_no_token_holds_more_than_three_digits_or_crosses_a_word(folder):
    tokenizer = Tokenizer.from_folder(folder)
    pieces = [tokenizer.decode([i]) for i in range(tokenizer.vocab_size)]
    assert max(sum(c.isdigit() for c in piece) for piece in pieces) <= 3
    assert not [piece for piece in pieces if " " in piece.strip()]


def test_transformers_reads_it_alike(folder):
    from transformers import AutoTokenizer

    theirs = AutoTokenizer.from_pretrained(folder)
    ours = Tokenizer.from_folder(folder)
    for text in (TEXTS[0], "naïve 丹炉 1234567"):
        assert theirs(text, add_special_tokens=False)["input_ids"] == ours.encode(text)
    assert theirs.eos_token == END_OF_TEXT


def test_too_little_text_is_said_with_what_it_would_allow(tmp_path):
    with pytest.raises(DataError, match=r"pieces for (\d+) tokens only, but base.vocab_size is 4,096"):
        train_bpe(["a b c " * 10], 4096, tmp_path)
