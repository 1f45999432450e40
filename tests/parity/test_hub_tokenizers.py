"""The tokenizers that the hub builds cut and merge text as transformers' own classes do."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from danlu.hub.gguf_tokenizer import write_tokenizer

pytestmark = pytest.mark.filterwarnings("ignore")
CORPUS = [
    "Maya buys 3 apples at $1.25; what's 12,345 + 67? She'll PAY, it's 2024 today.",
    "def f(x):\n    return x**2  # ünïcode\t\ttabs\r\n\r\n\n",
    "丹炉 turns 数据 into models 🙂🙂, e\u0301 and é, İstanbul ǅ ½ ² Ⅷ ٣٤",
    "  leading, trailing  \n \n   x   ",
    "THEY'RE WE'VE I'M don't L'été",
]
alphabet = "ab Z'stre\u0301é\u00a0\n\r\t12½٣.,;$()丹🙂_<|end|>"
texts = st.text(st.sampled_from(alphabet) | st.characters(codec="utf-8"), max_size=40)


def trained(cut):
    """A vocabulary and its merges, learnt under the pre-tokenizer that the reference uses."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = cut
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=["<|end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS * 4, trainer)
    return tokenizer


def facts(tokenizer, pre):
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    vocabulary = tokenizer.get_vocab()
    tokens = sorted(vocabulary, key=vocabulary.__getitem__)
    return {
        "general.architecture": "llama",
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": pre,
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [3] + [1] * (len(tokens) - 1),
        "tokenizer.ggml.merges": [" ".join(pair) for pair in merges],
        "tokenizer.ggml.eos_token_id": 0,
        "tokenizer.ggml.bos_token_id": 0,
    }


def reference(pre, source):
    """text → ids by transformers' tokenizer of that kind, over the same vocabulary."""
    from transformers import GPT2Tokenizer, Qwen2Tokenizer
    from transformers.convert_slow_tokenizer import TikTokenConverter

    vocabulary = source.get_vocab()
    merges = [tuple(m.split(" ")) for m in facts(source, pre)["tokenizer.ggml.merges"]]
    if pre == "llama-bpe":
        converter = TikTokenConverter(extra_special_tokens=["<|end|>"])
        converter.extract_vocab_merges_from_model = lambda _: (vocabulary, merges)
        llama3 = converter.converted()
        return lambda text: llama3.encode(text).ids
    ends = dict.fromkeys(("unk_token", "bos_token", "eos_token", "pad_token"), "<|end|>")
    kind = {"gpt-2": GPT2Tokenizer, "qwen2": Qwen2Tokenizer}[pre]
    tokenizer = kind(vocab=vocabulary, merges=merges, **ends)
    return lambda text: tokenizer(text)["input_ids"]


@pytest.fixture(scope="module", params=["gpt-2", "qwen2", "llama-bpe"])
def pair(request, tmp_path_factory):
    """(what the hub wrote, what transformers makes) over one vocabulary."""
    source = trained(pre_tokenizers.ByteLevel(add_prefix_space=False))
    folder = tmp_path_factory.mktemp("tokenizer")
    write_tokenizer(facts(source, request.param), folder / "tiny.gguf", folder)
    return Tokenizer.from_file(str(folder / "tokenizer.json")), reference(request.param, source)


@settings(max_examples=200, deadline=None)
@given(text=texts)
def test_ids_equal_those_of_transformers(pair, text):
    ours, theirs = pair
    assert ours.encode(text).ids == theirs(text)


def test_ids_of_prose_code_numbers_and_other_scripts_equal_too(pair):
    ours, theirs = pair
    for text in CORPUS:
        assert ours.encode(text).ids == theirs(text), text
        assert len(ours.encode(text).ids) < len(text.encode()), "nothing was merged, so nothing was compared"
