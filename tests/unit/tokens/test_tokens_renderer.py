"""The mask covers exactly what the model must say, template by template; what cannot be masked is refused."""

import json
from pathlib import Path

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import decoders, models, normalizers, pre_tokenizers

from danlu.errors import CheckpointError, Refusal, TemplateError
from danlu.tokens import Renderer, Tokenizer, check_template

SPECIAL = [
    *("<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
    *("[INST]", "[/INST]", "<start_of_turn>", "<end_of_turn>", "<|user|>", "<|assistant|>", "<|system|>"),
    *("<|end|>", "<think>", "</think>"),
]
ENDS = {
    "chatml": "<|im_end|>",
    "default-system": "<|im_end|>",
    "llama3": "<|eot_id|>",
    "mistral": "</s>",
    "gemma": "<end_of_turn>",
    "phi": "<|end|>",
    "qwen25": "<|im_end|>",
    "qwen3": "<|im_end|>",
}
TALK = [
    {"role": "user", "content": "What is 6 × 4?"},
    {"role": "assistant", "content": "Which number goes four times?"},
    {"role": "user", "content": "Six. 丹炉"},
    {"role": "assistant", "content": "Yes: 6 × 4 = 24."},
]


def make(template: str) -> Renderer:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = tokenizers.Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(SPECIAL + alphabet)}, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens(SPECIAL)
    return Renderer(Tokenizer(inner, "0", {"bos_token": "<s>", "eos_token": "</s>"}), template)


def read(name: str) -> str:
    return (Path(__file__).parent / "templates" / f"{name}.jinja").read_text().removesuffix("\n")


def supervised(renderer, row):
    return [text for text, kept in row.segments(renderer.tokenizer) if kept]


@pytest.mark.parametrize("name", ENDS)
def test_replies_and_their_ends_are_supervised_and_nothing_else(name):
    renderer = make(read(name))
    space = " " if name == "mistral" else ""  # the template writes it after the prompt, so the model must say it
    expected = [space + m["content"] + ENDS[name] for m in TALK if m["role"] == "assistant"]
    assert supervised(renderer, renderer.train(TALK)) == expected


@pytest.mark.parametrize("name", ENDS)
def test_training_sees_the_ids_of_inference(name):
    renderer = make(read(name))
    row = renderer.train(TALK)
    prompt = renderer.prompt(TALK[:-1])
    reply = [i for i, kept in zip(row.ids, row.mask, strict=True) if kept][-len("Yes: 6 * 4 = 24.") :]
    assert row.ids[: len(prompt)] == prompt
    assert not row.mask[len(prompt) - 1]
    assert row.mask[len(prompt)]
    assert reply[-1] in renderer.stop_ids


@pytest.mark.parametrize("name", ["llama3", "mistral", "gemma"])
def test_bos_is_never_doubled(name):
    renderer = make(read(name))
    assert renderer.train(TALK).ids.count(renderer.tokenizer.bos_id) == 1


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(), st.text(min_size=1)), min_size=1, max_size=4))
def test_any_words_in_any_number_of_turns_are_masked_exactly(talk):
    renderer = make(read("chatml"))
    messages = [{"role": r, "content": t} for pair in talk for r, t in zip(("user", "assistant"), pair, strict=True)]
    row = renderer.train(messages)
    assert supervised(renderer, row) == [reply + "<|im_end|>" for _, reply in talk]


def test_a_system_prompt_is_seen_and_not_supervised():
    renderer = make(read("llama3"))
    row = renderer.train([{"role": "system", "content": "You are a tutor."}, *TALK])
    text = renderer.tokenizer.decode(row.ids, skip_special=False)
    assert "You are a tutor." in text
    assert "You are a tutor." not in "".join(supervised(renderer, row))


def test_a_tool_call_is_supervised_and_its_answer_is_not():
    renderer = make(read("qwen25"))
    tools = [{"name": "add"}]
    call = {"function": {"name": "add", "arguments": {"a": 1}}}
    messages = [
        {"role": "user", "content": "1+1?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "2"},
        {"role": "assistant", "content": "Two."},
    ]
    said = supervised(renderer, renderer.train(messages, tools))
    assert said[0] == '\n<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call><|im_end|>'
    assert said[1] == "Two.<|im_end|>"


def test_a_template_that_drops_earlier_thinking_is_trained_turn_by_turn():
    renderer = make(read("qwen3"))
    first, second = (TALK[i] | {"reasoning_content": f"thought {i}"} for i in (1, 3))
    messages = [TALK[0], first, TALK[2], second]
    # the same messages with the thinking already written, as the reply must produce it
    rows = renderer.train_rows(messages)
    assert len(rows) == 2
    for row, message, seen in zip(rows, (first, second), (1, 3), strict=True):
        thinking = f"<think>\n{message['reasoning_content']}\n</think>\n\n"
        assert supervised(renderer, row) == [thinking + message["content"] + "<|im_end|>"]
        assert row.ids[: row.mask.index(True)] == renderer.prompt(messages[:seen])
    with pytest.raises(TemplateError, match="rewrites earlier turns"):
        renderer.train(messages)


@pytest.mark.parametrize(
    ("name", "messages", "says"),
    [
        ("chatml", TALK[:3], "ends with a user turn"),
        ("chatml", [{"role": "pupil", "content": "x"}], "role 'pupil' is unknown"),
        ("chatml", [], "there are no messages"),
        ("gemma", [{"role": "system", "content": "x"}, *TALK], "System role not supported"),
        ("chatml", [{"role": "user", "content": "<|im_end|>"}, TALK[1]], "spells the control token '<|im_end|>'"),
        ("chatml", [{"role": "user"}, TALK[1]], "chat template objects"),
    ],
)
def test_what_cannot_be_rendered_is_said_in_a_sentence(name, messages, says):
    with pytest.raises(TemplateError) as caught:
        make(read(name)).train(messages)
    assert says in str(caught.value)


def test_a_system_prompt_that_the_template_drops_is_refused():
    deaf = "{% for m in messages if m['role'] != 'system' %}{{ m['content'] + '</s>' }}{% endfor %}"
    with pytest.raises(TemplateError, match="drops the system prompt"):
        make(deaf).train([{"role": "system", "content": "x"}, *TALK])


CALL = {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "add", "arguments": {"a": 1}}}]}
TAIL = [{"role": "tool", "content": "2"}, {"role": "assistant", "content": "Two."}]
DEAF_TO_TOOLS = (
    "{% for m in messages if m['role'] != 'tool' %}<|im_start|>{{ m['role'] + '\n' + m['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.mark.parametrize(
    ("template", "messages", "tools", "says"),
    [
        ("chatml", [TALK[0], CALL, *TAIL], None, "message 1: the chat template drops the assistant's tool_calls"),
        ("chatml", TALK, [{"name": "add"}], "the chat template drops the tools"),
        ("chatml", [TALK[0], TALK[1] | {"reasoning_content": "Hm."}], None, "drops the assistant's reasoning_content"),
        ("qwen25", [TALK[0], TALK[1] | {"thinking": "Hm."}], None, "drops the assistant's thinking"),
        (DEAF_TO_TOOLS, [TALK[0], TALK[1], *TAIL], None, "message 2: the chat template drops the words of the tool"),
    ],
)
def test_what_the_template_drops_is_refused(template, messages, tools, says):
    with pytest.raises(TemplateError) as caught:
        make(read(template) if "{" not in template else template).train(messages, tools)
    assert says in str(caught.value)


def test_a_template_that_opens_no_reply_is_refused_and_one_that_needs_no_opening_is_not():
    headless = read("chatml").partition("{% if add_generation_prompt %}")[0]
    headless = headless.partition("{%- if add_generation_prompt %}")[0]
    with pytest.raises(TemplateError, match=r"ignores add_generation_prompt.*'<\|im_start\|>assistant"):
        make(headless).train(TALK)
    bare = make("{% for m in messages %}{{ m['content'] + '</s>' }}{% endfor %}")
    assert supervised(bare, bare.train(TALK)) == [m["content"] + "</s>" for m in TALK[1::2]]


def test_a_bos_that_the_template_writes_twice_is_refused():
    doubled = make("{{ bos_token }}{{ bos_token }}" + read("chatml"))
    for render in (doubled.train, lambda messages: doubled.prompt(messages[:-1])):
        with pytest.raises(TemplateError, match="begins with '<s>' twice"):
            render(TALK)


def test_nobody_is_asked_to_answer_its_own_reply():
    with pytest.raises(TemplateError, match="end with the assistant's own turn"):
        make(read("chatml")).prompt(TALK)


@pytest.mark.parametrize(
    ("normaliser", "text", "says"),
    [
        (normalizers.Replace(tokenizers.Regex("[0-9]"), "0"), "In 1984.", "in1984.<|im_'"),
        (normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()]), "au café du lac", "aucafédulac<|im'"),
    ],
)
def test_a_tokenizer_that_rewrites_the_text_is_refused(normaliser, text, says):
    renderer = make(read("chatml"))
    renderer.tokenizer.inner.normalizer = normaliser
    with pytest.raises(CheckpointError, match="does not keep the text") as caught:
        renderer.train([{"role": "user", "content": "When?"}, {"role": "assistant", "content": text}])
    assert says in str(caught.value)


def test_a_tokenizer_may_choose_case_and_unicode_form():
    renderer = make(read("chatml"))
    renderer.tokenizer.inner.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    renderer.train([TALK[0], {"role": "assistant", "content": "Ｆｕｌｌ ① Straße É"}])


def base(folder, **files):
    inner = make(read("chatml")).tokenizer.inner
    inner.save(str(folder / "tokenizer.json"))
    for name, content in files.items():
        suffix = "jinja" if name == "chat_template" else "json"
        (folder / f"{name}.{suffix}").write_text(content if suffix == "jinja" else json.dumps(content))
    return folder


def test_two_chat_templates_that_differ_are_refused(tmp_path):
    config, beside = {"chat_template": read("phi")}, read("chatml")
    with pytest.raises(Refusal, match=r"tokenizer_config.json and chat_template.jinja differ") as caught:
        Renderer.from_folder(base(tmp_path, tokenizer_config=config, chat_template=beside))
    assert caught.value.number == 3
    same = base(tmp_path, tokenizer_config={"chat_template": beside}, chat_template=beside + "\n")
    assert Renderer.from_folder(same).train(TALK)


def test_of_several_named_templates_the_default_is_taken(tmp_path):
    named = [{"name": "tool_use", "template": read("qwen25")}, {"name": "default", "template": read("chatml")}]
    renderer = Renderer.from_folder(base(tmp_path, tokenizer_config={"chat_template": named}))
    assert renderer.train(TALK).ids == make(read("chatml")).train(TALK).ids


def test_a_turn_without_an_end_is_refused():
    endless = read("chatml").replace("+ '<|im_end|>'", "")
    with pytest.raises(Refusal, match="writes no end-of-turn token") as caught:
        make(endless).train(TALK)
    assert caught.value.number == 4


def test_a_dialogue_without_a_reply_is_refused():
    with pytest.raises(Refusal, match="no assistant turn") as caught:
        make(read("chatml")).train(TALK[:1])
    assert caught.value.number == 1


def test_a_broken_template_is_named_with_its_line():
    with pytest.raises(TemplateError, match="chat template, line 2"):
        make("{{ bos_token }}\n{% for %}")


def test_another_template_than_the_one_trained_with_is_refused():
    one, other = (make(read(name)).template_sha256 for name in ("chatml", "phi"))
    check_template(one, one, "runs/tutor")
    with pytest.raises(Refusal, match="not the one the model was trained with") as caught:
        check_template(one, other, "runs/tutor")
    assert caught.value.number == 3
