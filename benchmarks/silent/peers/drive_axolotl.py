"""Axolotl as its users run it: one YAML, `axolotl train`, and `axolotl merge-lora` for a LoRA.

python drive_axolotl.py JOBS.json       (see watch.py)
"""

import sys
from pathlib import Path

import datasets
import transformers
import watch
import yaml
from axolotl import train  # noqa: F401  imported once here, not in every child
from axolotl.cli.main import cli
from axolotl.core.builders import causal  # noqa: F401

SETTINGS = "sft.yaml"
CUDA_ONLY = ("lora_mlp_kernel", "lora_qkv_kernel", "lora_o_kernel", "lora_embedding_kernel")


def on_cpu():
    """Axolotl has no key for it, and its TrainingArguments refuse bf16 on a CPU unless told; the others have one."""
    check = transformers.TrainingArguments.__post_init__

    def told(self):
        self.use_cpu = True
        check(self)

    transformers.TrainingArguments.__post_init__ = told


def without_workers():
    """datasets' workers start afresh and import Axolotl again: a minute for each of these, whatever the rows."""

    def alone(method):
        return lambda self, *rest, **named: method(self, *rest, **(named | {"num_proc": None}))

    for name in ("map", "save_to_disk"):
        setattr(datasets.Dataset, name, alone(getattr(datasets.Dataset, name)))


def command(*words):
    """`axolotl WORDS`, in this process."""
    sys.argv = ["axolotl", *words]
    cli.main(list(words), standalone_mode=False)


def training_of(job):
    """The user's YAML."""
    settings, lora = job.settings, job.settings.get("lora")

    def read(file):
        return [{"path": str(file), "ds_type": "json", "type": "chat_template"}]

    found = {
        "base_model": str(job.fixture / "base"),
        "chat_template": "tokenizer_default",
        "datasets": read(job.training),
        "dataset_prepared_path": str(job.out / "prepared"),
        "dataset_num_proc": 1,
        "train_on_inputs": not settings["assistant_only_loss"],
        "sequence_len": settings["max_length"],
        "sample_packing": settings["packing"],
        "micro_batch_size": settings["batch_size"],
        "gradient_accumulation_steps": settings["gradient_accumulation"],
        "num_epochs": settings["epochs"],
        "optimizer": "adamw_torch",
        "learning_rate": settings["lr"],
        "lr_scheduler": watch.schedule_of(settings),
        "warmup_ratio": settings["warmup"],
        "bf16": settings["precision"] == "bf16",
        "output_dir": str(job.out / "trained"),
        "logging_steps": 1,
        "seed": settings["seed"],
    }
    optional = {
        "max_steps": settings.get("max_steps"),
        "save_steps": settings.get("save_steps"),
        "save_strategy": None if settings.get("save_steps") else "no",
        "resume_from_checkpoint": settings.get("resume_from"),
    }
    if job.evaluation:
        optional |= {"test_datasets": [one | {"split": "train"} for one in read(job.evaluation)], "evals_per_epoch": 1}
        optional |= {"eval_sample_packing": False}
    if lora:
        every = lora["targets"] == "all-linear"
        optional |= dict.fromkeys(CUDA_ONLY, False) | {
            "adapter": "lora",
            "lora_r": lora["r"],
            "lora_alpha": lora["alpha"],
            "lora_dropout": settings.get("dropout") or 0.0,
            "lora_target_linear": True if every else None,
            "lora_target_modules": None if every else lora["targets"],
            "lora_modules_to_save": lora.get("modules_to_save"),
        }
    return found | {key: value for key, value in optional.items() if value is not None} | job.extra("axolotl")


def carry_out(job):
    on_cpu()
    without_workers()
    settings = training_of(job)
    Path(SETTINGS).write_text(yaml.safe_dump(settings, sort_keys=False))
    command("train", SETTINGS, "--launcher", "python")
    if settings.get("adapter") != "lora":
        return settings["output_dir"]
    command("merge-lora", SETTINGS)
    return Path(settings["output_dir"]) / "merged"


if __name__ == "__main__":
    watch.drive(carry_out)
