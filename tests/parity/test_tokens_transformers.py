"""Ids and masks are those that transformers makes of the same template."""

import json

import pytest

from danlu.tokens import Renderer

pytestmark = pytest.mark.filterwarnings("ignore")
MARKED = (
    "{% for m in messages %}{% if m['role'] == 'assistant' %}{{ '<|im_start|>assistant\n' }}"
    "{% generation %}{{ m['content'] + '<|im_end|>' }}{% endgeneration %}{{ '\n' }}"
    "{% else %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
TALK = [
    {"role": "system", "content": "You are a tutor."},
    {"role": "user", "content": "What is 6 × 4?"},
    {"role": "assistant", "content": "Which number goes\n\nfour times? 丹"},
    {"role": "user", "content": "Six."},
    {"role": "assistant", "content": "Yes."},
]


def test_ids_and_mask_equal_those_of_transformers(tiny_base, tmp_path):
    import shutil

    from transformers import AutoTokenizer

    folder = shutil.copytree(tiny_base, tmp_path / "marked")
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"chat_template": MARKED}))
    reference = AutoTokenizer.from_pretrained(folder)
    theirs = reference.apply_chat_template(TALK, return_dict=True, return_assistant_tokens_mask=True)
    row = Renderer.from_folder(folder).train(TALK)
    assert row.ids == theirs["input_ids"]
    assert [int(m) for m in row.mask] == theirs["assistant_masks"]
    prompt = reference.apply_chat_template(TALK[:-1], add_generation_prompt=True, return_dict=True)["input_ids"]
    assert Renderer.from_folder(folder).prompt(TALK[:-1]) == prompt
