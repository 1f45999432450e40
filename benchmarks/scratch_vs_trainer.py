"""A small model from scratch: danlu's training loop against transformers' Trainer, at its best on this CPU.

Model and numbers are those of recipes/scratch.yaml. Both sides start from the same weights (bf16 in the folder, fp32
masters in both) and see the same rows in the same order: blocks of one length, as run_clm groups them, each a document
of danlu's, so that attention ends at the same places. Same AdamW, clipping and learning rate at every step. The Trainer
computes in bf16 (autocast) with the attention, rows a forward pass and torch.compile that a sweep found fastest. Then
rounds alternate, each side in a process of its own and on --threads threads. A round's seed draws other first weights:
that is the noise which the two loss curves are held against, since at every step all runs see the same rows.

Prints real tokens per CPU-second of the training part (no padding anywhere; loading, tokenizing and the first steps
are left out, and so is compilation), ratios of the medians, memory at its peak, and what the matrix products alone
would take at the bf16 rate of the same minute: no implementation in bf16 can be faster than that.

    python benchmarks/scratch_vs_trainer.py [--quick] [--json] [--threads N] [key=value…]
"""

import argparse
import itertools
import json
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

RECIPE = Path(__file__).parents[1] / "recipes" / "scratch.yaml"
DANLU, TRAINER = "danlu", "transformers Trainer"
WARM = 4  # steps before the clock counts
LAST = 5  # curves are compared over the last fifth of their steps


def texts():
    """Text that is wherever Python is: its standard library's own sources."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    return [path.read_text(encoding="utf-8", errors="replace") for path in sorted(folder.glob("*.py"))]


# The race: one folder with all that both sides are told


def prepare(folder, overrides, steps, seeds):
    """Tokenizer, rows, first weights, order and rates of the steps, in `folder`; returns what race.json says."""
    from danlu.artefact import write_json
    from danlu.model.initial import write_initial
    from danlu.recipe import load
    from danlu.recipe.scratch import Shape
    from danlu.tokens import Document, Shards, write_shards
    from danlu.tokens.bpe import train_bpe
    from danlu.tokens.tokenizer import Tokenizer
    from danlu.training.batches import plan
    from danlu.training.schedule import factor

    recipe = load(RECIPE, overrides)
    shape, length, batch = Shape.of(recipe.base), recipe.data.max_length, recipe.training.batch_tokens
    bases = [folder / f"base-{seed}" for seed in range(seeds)]
    train_bpe(texts(), shape.vocab_size, bases[0])
    tokenizer = Tokenizer.from_folder(bases[0])
    for seed, base in enumerate(bases):
        if seed:
            shutil.copytree(bases[0], base)
        write_json(base / "config.json", shape.config(length, tokenizer.eos_id))
        write_initial(base, seed)
    stream = np.concatenate([[*tokenizer.encode(text), tokenizer.eos_id] for text in texts()]).astype(np.int32)
    count = steps * max(1, batch // length)
    assert len(stream) >= count * length, "the text is too short for so many steps"
    rows = stream[: count * length].reshape(count, length)
    documents = [Document(row, np.ones(length, bool), "stdlib", str(i)) for i, row in enumerate(rows)]
    write_shards(folder / "data", [[document] for document in documents], {"max_length": length})
    order = plan(Shards(folder / "data"), epochs=1, batch_tokens=batch, max_tokens=None, seed=0).steps
    assert len(order) == steps
    np.save(folder / "rows.npy", rows[list(itertools.chain.from_iterable(order))])
    looked_up = 0 if shape.tied else shape.vocab_size * shape.width  # an embedding apart from the head
    attention = shape.num_layers * shape.width * length  # causal: half of every row and column
    changes = {"epochs": 1.0, "max_tokens": None, "checkpoint_every_steps": steps, "micro_batch_tokens": batch}
    race = {
        "folder": str(folder),
        "steps": steps,
        "rows": count // steps,
        "length": length,
        "training": recipe.training.model_dump(mode="json") | changes,
        "factors": [factor(recipe.training.schedule, step, steps) for step in range(steps)],
        "model": {"parameters": shape.num_parameters, "layers": shape.num_layers, "width": shape.width},
        "flop_per_token": 6 * (shape.num_parameters - looked_up + attention),
    }
    (folder / "race.json").write_text(json.dumps(race))
    return race


# One side of it, in a process of its own


class Marks:
    """CPU time of this process and the loss, at the end of every step."""

    def __init__(self):
        self.cpu_s, self.losses = [], []

    def written(self, race, path):
        spent = self.cpu_s[-1] - self.cpu_s[WARM - 1]
        status = Path("/proc/self/status").read_text()
        facts = {
            "tokens_per_cpu_s": (len(self.cpu_s) - WARM) * race["rows"] * race["length"] / spent,
            "peak_bytes": int(status[status.index("VmHWM") :].split()[1]) * 1024,
            "losses": self.losses,
        }
        path.write_text(json.dumps(facts))


def danlu_side(race, settings, out):
    from danlu.errors import Waivers
    from danlu.recipe import Training
    from danlu.training import train

    folder, marks = Path(race["folder"]), Marks()

    def emit(event, facts):
        if event == "step":
            marks.cpu_s.append(time.process_time())
            marks.losses.append(facts["loss"])

    base, work = folder / f"base-{settings['seed']}", out.parent / "work"
    config = Training.model_validate(race["training"])
    train(config, base, folder / "data", work, waivers=Waivers({}), fingerprint={}, emit=emit)
    marks.written(race, out)


def trainer_side(race, settings, out):
    import torch
    from torch.optim.lr_scheduler import LambdaLR
    from transformers import AutoModelForCausalLM, Trainer, TrainerCallback, TrainingArguments

    folder, marks, numbers = Path(race["folder"]), Marks(), race["training"]["optimizer"]
    rows = torch.from_numpy(np.load(folder / "rows.npy")).long()
    model = AutoModelForCausalLM.from_pretrained(
        folder / f"base-{settings['seed']}", dtype=torch.float32, attn_implementation=settings["attention"]
    )
    arguments = TrainingArguments(
        output_dir=str(out.parent / "work"),
        use_cpu=True,
        bf16=True,
        torch_compile=settings["compile"],
        per_device_train_batch_size=settings["rows"],
        gradient_accumulation_steps=race["rows"] // settings["rows"],
        max_steps=settings.get("until", race["steps"]),
        train_sampling_strategy="sequential",
        learning_rate=numbers["lr"],
        adam_beta1=numbers["betas"][0],
        adam_beta2=numbers["betas"][1],
        adam_epsilon=numbers["eps"],
        weight_decay=numbers["weight_decay"],
        max_grad_norm=numbers["max_grad_norm"],
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )

    class Watch(TrainerCallback):
        def on_step_end(self, *_, **__):
            marks.cpu_s.append(time.process_time())

        def on_log(self, *_, logs, **__):
            if "loss" in logs:
                marks.losses.append(float(logs["loss"]))

    trainer = Trainer(
        model, arguments, train_dataset=[{"input_ids": row, "labels": row} for row in rows], callbacks=[Watch()]
    )
    trainer.create_optimizer()
    trainer.lr_scheduler = LambdaLR(trainer.optimizer, lambda i: race["factors"][min(i, race["steps"] - 1)])
    trainer.train()
    marks.written(race, out)


def side(name, race, settings, out):
    """The child's whole life."""
    if name == DANLU:
        from danlu.run.machine import prepare_torch

        prepare_torch(settings["threads"])
        danlu_side(race, settings, out)
        return
    import torch

    warnings.simplefilter("ignore")
    torch.set_num_threads(settings["threads"])
    trainer_side(race, settings, out)


# The parent: sweep, rounds, verdict


def run(name, race, settings):
    """What the side found."""
    out = Path(tempfile.mkdtemp(dir=race["folder"])) / "facts.json"
    command = [sys.executable, __file__, "--side", json.dumps([name, race["folder"], settings, str(out)])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} with {settings}: {done.stderr[-2000:]}")
    facts = json.loads(out.read_text())
    print(f"{name}, {settings}: {facts['tokens_per_cpu_s']:,.0f} tokens per CPU-second", file=sys.stderr)
    return facts


def sweep(race, threads, quick):
    """[(rate, settings)] of the Trainer after some steps of each, fastest first."""
    most = race["rows"]
    tried = [(attention, rows, False) for attention in ("sdpa", "eager") for rows in sorted({most, max(1, most // 2)})]
    tried = tried if not quick else [("sdpa", most, False), ("eager", most, False)]
    tried += [("sdpa", most, True)] + ([] if quick else [("eager", most, True)])
    found = []
    for attention, rows, compiled in tried:
        settings = {"attention": attention, "rows": rows, "compile": compiled, "threads": threads, "seed": 0}
        try:
            facts = run(TRAINER, race, settings | {"until": min(race["steps"], 24 if quick else 48)})
        except RuntimeError as error:
            if not compiled:
                raise
            print(error, file=sys.stderr)  # without a C++ compiler the Trainer's best is one without it
            continue
        found.append((facts["tokens_per_cpu_s"], settings))
    return sorted(found, key=lambda entry: -entry[0])


def gemm_gflop_per_cpu_s():
    import torch

    torch.set_num_threads(1)
    a, b = (torch.randn(2048, 2048).bfloat16() for _ in range(2))
    a @ b
    began = time.process_time()
    for _ in range(20):
        a @ b
    return 20 * 2 * 2048**3 / (time.process_time() - began) / 1e9


def curves(rounds):
    """Both sides' loss over the last steps, in nats: seed by seed, and how far seeds are apart."""
    ends = {
        name: [statistics.fmean(facts["losses"][-len(facts["losses"]) // LAST :]) for facts in found]
        for name, found in rounds.items()
    }
    apart = [ours - theirs for ours, theirs in zip(ends[DANLU], ends[TRAINER], strict=True)]
    pairs = zip(rounds[DANLU], rounds[TRAINER], strict=True)
    widest = max(abs(a - b) for one, other in pairs for a, b in zip(one["losses"], other["losses"], strict=True))
    noise = statistics.stdev(ends[TRAINER])
    return {
        "last_loss": ends,
        "mean_difference": statistics.fmean(apart),
        "largest_difference": max(map(abs, apart)),
        "largest_difference_at_a_step": widest,
        "std_between_seeds": noise,
        "agree": max(map(abs, apart)) <= 2 * noise and abs(statistics.fmean(apart)) <= noise,
    }


def measure(options, folder):
    rounds, steps = (3, 80) if options.quick else (5, 400)
    race = prepare(folder, options.overrides, steps, rounds)
    tried = sweep(race, options.threads, options.quick)
    best = tried[0][1]
    found = {DANLU: [], TRAINER: []}
    for seed in range(rounds):
        found[DANLU].append(run(DANLU, race, {"threads": options.threads, "seed": seed}))
        found[TRAINER].append(run(TRAINER, race, best | {"seed": seed}))
    rates = {name: statistics.median(f["tokens_per_cpu_s"] for f in own) for name, own in found.items()}
    peaks = {name: max(f["peak_bytes"] for f in own) for name, own in found.items()}
    gemm = gemm_gflop_per_cpu_s()
    alone = gemm * 1e9 / race["flop_per_token"]
    compared = curves(found)
    return {
        "name": "scratch_vs_trainer",
        "ratios": {
            "tokens_per_cpu_s": rates[DANLU] / rates[TRAINER],
            "peak_memory": peaks[DANLU] / peaks[TRAINER],
        },
        "same_work": compared["agree"],
        "peers": {
            name: {
                "tokens_per_cpu_s": rates[name],
                "each_round": [f["tokens_per_cpu_s"] for f in found[name]],
                "peak_bytes": peaks[name],
                "of_gemm_rate": rates[name] / alone,
                "losses": [f["losses"] for f in found[name]],
            }
            for name in found
        },
        "trainer_settings": best,
        "sweep": [{"tokens_per_cpu_s": rate, **settings} for rate, settings in tried],
        "curves": compared,
        "model": race["model"] | {key: race[key] for key in ("steps", "rows", "length")},
        "threads": options.threads,
        "gemm_bf16_gflop_per_cpu_s": gemm,
        "products_alone": {"tokens_per_cpu_s": alone, "ratio": alone / rates[TRAINER]},
    }


def show(result):
    model, compared = result["model"], result["curves"]
    print(
        f"{model['parameters']:,} parameters, {model['layers']} layers of {model['width']}; {model['steps']} steps of "
        f"{model['rows']} × {model['length']} tokens; {result['threads']} thread(s)"
    )
    for tried in result["sweep"]:
        kind = f"{tried['attention']}, {tried['rows']} rows" + (", compiled" if tried["compile"] else "")
        print(f"{'tried':>20}: {tried['tokens_per_cpu_s']:8,.0f} tokens per CPU-second, {kind}")
    for name, peer in result["peers"].items():
        each = ", ".join(f"{rate:,.0f}" for rate in peer["each_round"])
        print(
            f"{name:>20}: {peer['tokens_per_cpu_s']:8,.0f} tokens per CPU-second ({each}), "
            f"{peer['of_gemm_rate']:.0%} of the GEMM rate, {peer['peak_bytes'] / 1e6:,.0f} MB"
        )
    ratios, alone = result["ratios"], result["products_alone"]
    print(f"{'ratio':>20}: {ratios['tokens_per_cpu_s']:8.2f}, memory {ratios['peak_memory']:.2f}")
    print(
        f"{'products alone':>20}: {alone['tokens_per_cpu_s']:8,.0f}, {alone['ratio']:.2f} times the Trainer "
        f"(bf16 GEMM: {result['gemm_bf16_gflop_per_cpu_s']:.0f} GFLOP per CPU-second)"
    )
    for name, ends in compared["last_loss"].items():
        print(f"{name:>20}: loss over the last fifth {', '.join(f'{end:.4f}' for end in ends)}, a seed each")
    print(
        f"{'difference':>20}: mean {compared['mean_difference']:+.4f}, largest {compared['largest_difference']:.4f} "
        f"(at one step {compared['largest_difference_at_a_step']:.4f}); between seeds "
        f"{compared['std_between_seeds']:.4f}; within noise: {compared['agree']}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="three rounds of 80 steps instead of five of 400")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("overrides", nargs="*", help="key=value in recipes/scratch.yaml: base.depth=4 and so on")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--side", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        name, folder, settings, out = json.loads(options.side)
        side(name, json.loads((Path(folder) / "race.json").read_text()), settings, Path(out))
        return
    with tempfile.TemporaryDirectory() as folder:
        result = measure(options, Path(folder))
    if options.json:
        print(json.dumps(result))
    else:
        show(result)


if __name__ == "__main__":
    main()
