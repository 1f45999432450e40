"""TRL's side of the race: runs in an environment of its own, reads the course from a file, imports nothing of danlu.

    python peer.py COURSE.json SETTINGS OUT.json     (SETTINGS is a JSON object, see `Settings`)

B rows, T tokens of the longest of them.
"""

import json
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from datasets import Dataset
from meter import Log, key
from peft import LoraConfig
from torch.optim.lr_scheduler import LambdaLR
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import SFTConfig, SFTTrainer

SILENT = -100  # a label that is not learned


@dataclass(frozen=True)
class Settings:
    """How TRL is to do it.

    packed: a row is one of danlu's packs, attended to document by document; else a row is a document.
    rows: of one forward pass. flat: they are laid in one row. pad_to: a row is filled up to a multiple of it.
    autocast: TRL's `bf16`; the base is in bf16 either way, the adapters in fp32. until: stops after so many steps.
    """

    packed: bool = False
    rows: int = 1
    flat: bool = False
    pad_to: int | None = None
    compiled: bool = False
    checkpointing: bool = False
    attention: str = "sdpa"
    autocast: bool = True
    until: int | None = None
    threads: int = 1
    seed: int = 0


def rows_of(course, settings):
    """Rows in the order of danlu's steps, and how many are a step: TRL wants the same number for each."""
    steps = course["steps"]
    if settings.packed:
        rows = [pack for step in steps for pack in step]
        count = round(len(rows) / len(steps) / settings.rows) * settings.rows
    else:
        rows = [[document] for step in steps for pack in step for document in pack]
        count = round(len(rows) / len(steps) / settings.rows) * settings.rows
        shares = [rows[i : i + count] for i in range(0, len(rows), count)]
        # the order within a step does not change the gradient, and rows of like length need less padding
        rows = [row for share in shares for row in sorted(share, key=lambda row: -len(row[0]["ids"]))]
    return [labelled(row) for row in rows], count


def labelled(documents):
    labels = [
        token if learned and place else SILENT
        for document in documents
        for place, (token, learned) in enumerate(zip(document["ids"], document["mask"], strict=True))
    ]
    lengths = [len(document["ids"]) for document in documents]
    return {"input_ids": [t for d in documents for t in d["ids"]], "labels": labels, "seq_lengths": lengths}


class Watch(TrainerCallback):
    """Notes the clocks and the loss of each step; stops where the course says."""

    def __init__(self, until):
        self.log, self.until = Log(), until

    def on_step_end(self, _args, state, control, **_):
        self.log.step_ended()
        if self.until is not None and state.global_step >= self.until:
            control.should_training_stop = True

    def on_log(self, _args, _state, _control, logs=None, **_):
        if "loss" in logs:
            self.log.losses.append(float(logs["loss"]))


def configured(course, settings, steps_rows, out):
    optimizer = course["optimizer"]
    return SFTConfig(
        output_dir=str(out.with_suffix(".trainer")),
        use_cpu=True,
        bf16=settings.autocast,
        per_device_train_batch_size=settings.rows,
        gradient_accumulation_steps=steps_rows // settings.rows,
        num_train_epochs=1,
        train_sampling_strategy="sequential",
        learning_rate=optimizer["lr"],
        adam_beta1=optimizer["betas"][0],
        adam_beta2=optimizer["betas"][1],
        adam_epsilon=optimizer["eps"],
        weight_decay=optimizer["weight_decay"],
        max_grad_norm=optimizer["max_grad_norm"],
        gradient_checkpointing=settings.checkpointing,
        torch_compile=settings.compiled,
        packing=settings.packed,
        padding_free=settings.flat,
        max_length=course["max_length"] if settings.packed else None,
        pad_to_multiple_of=settings.pad_to,
        dataset_kwargs={"skip_prepare_dataset": True},  # ids and labels are danlu's, token by token
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        seed=settings.seed,
    )


def trainer_of(course, settings, out, watch):
    """TRL's trainer with danlu's learning rates, and the number of forward passes that are a step."""
    rows, count = rows_of(course, settings)
    if not settings.packed:
        for row in rows:
            del row["seq_lengths"]
    torch.manual_seed(settings.seed)
    trainer = SFTTrainer(
        AutoModelForCausalLM.from_pretrained(
            course["base"], dtype=torch.bfloat16, attn_implementation=settings.attention
        ),
        configured(course, settings, count, out),
        train_dataset=Dataset.from_list(rows),
        processing_class=AutoTokenizer.from_pretrained(course["base"]),
        peft_config=LoraConfig(**course["lora"], lora_dropout=0.0, task_type="CAUSAL_LM"),
        callbacks=[watch],
    )
    trainer.create_optimizer()
    factors = course["factors"][str(-(-len(rows) // count))]
    trainer.lr_scheduler = LambdaLR(trainer.optimizer, lambda step: factors[min(step, len(factors) - 1)])
    return trainer, count // settings.rows


def documents_of(batch):
    """(ids, places learned) of each document in what the collator hands to the model. Padding is left out."""
    for row in range(len(batch["input_ids"])):
        ids, labels = batch["input_ids"][row].tolist(), batch["labels"][row].tolist()
        if "position_ids" in batch:
            starts = [i for i, position in enumerate(batch["position_ids"][row].tolist()) if position == 0]
        else:
            starts = [0]
            ids = ids[: int(batch["attention_mask"][row].sum())]
        for start, end in zip(starts, [*starts[1:], len(ids)], strict=True):
            if end - start > 1:  # a document has more than one token; each token of padding begins at position 0
                yield ids[start:end], [i - start for i in range(start + 1, end) if labels[i] != SILENT]


def fed(trainer, passes):
    """What the model will be given: {tokens, cells, supervised, documents} of each step."""
    steps = []
    for number, batch in enumerate(trainer.get_train_dataloader()):
        if number % passes == 0:
            steps.append({"tokens": 0, "cells": 0, "supervised": 0, "documents": []})
        steps[-1]["cells"] += batch["input_ids"].numel()
        for ids, learned in documents_of(batch):
            steps[-1]["tokens"] += len(ids)
            steps[-1]["supervised"] += len(learned)
            steps[-1]["documents"].append(key(ids, learned))
    return steps


@torch.no_grad()
def leak(trainer):
    """How far a packed document's last hidden state moves when the document before it changes, relative to its size."""
    batch = next(b for b in trainer.get_train_dataloader() if (b["position_ids"][0] == 0).sum() > 1)
    second = int((batch["position_ids"][0] == 0).nonzero()[1])
    trunk, states = trainer.model.get_base_model().model, []
    for shift in (0, 1):
        ids = batch["input_ids"].clone()
        ids[0, :second] += shift
        states.append(trunk(input_ids=ids, position_ids=batch["position_ids"], use_cache=False).last_hidden_state[0])
    before, after = (state[second:].float() for state in states)
    return float((after - before).norm() / before.norm())


def main():
    course, settings, out = json.loads(Path(sys.argv[1]).read_text()), Settings(**json.loads(sys.argv[2])), sys.argv[3]
    warnings.simplefilter("ignore")
    torch.set_num_threads(settings.threads)
    watch = Watch(settings.until)
    trainer, passes = trainer_of(course, settings, Path(out), watch)
    steps = fed(trainer, passes)
    trainer.train()
    trained = sum(p.numel() for p in trainer.model.parameters() if p.requires_grad)
    watch.log.write(out, steps, trained=trained, leak=leak(trainer) if settings.packed else None)


if __name__ == "__main__":
    main()
