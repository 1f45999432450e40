"""LLaMA-Factory as its users run it: a YAML and dataset_info.json, `llamafactory-cli train`, and `export` for a LoRA.

python drive_llamafactory.py JOBS.json       (see watch.py)
"""

import json
import sys
from pathlib import Path

import watch
import yaml
from llamafactory import launcher
from llamafactory.train import tuner  # noqa: F401  imported once here, not in every child

COLUMNS = {
    "formatting": "sharegpt",
    "columns": {"messages": "messages"},
    "tags": {
        "role_tag": "role",
        "content_tag": "content",
        "user_tag": "user",
        "assistant_tag": "assistant",
        "system_tag": "system",
    },
}


def cli(command, name, settings):
    """`llamafactory-cli COMMAND NAME`, with the user's settings in that file."""
    Path(name).write_text(yaml.safe_dump(settings, sort_keys=False))
    sys.argv = ["llamafactory-cli", command, name]
    launcher.launch()


def training_of(job):
    """The user's YAML for `train`. Without a template's name (see `extra`) LLaMA-Factory takes the base's own."""
    settings, lora = job.settings, job.settings.get("lora")
    found = {
        "model_name_or_path": str(job.fixture / "base"),
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "lora" if lora else "full",
        "dataset": "train",
        "dataset_dir": str(job.out),
        "cutoff_len": settings["max_length"],
        "packing": settings["packing"],
        "train_on_prompt": not settings["assistant_only_loss"],
        "output_dir": str(job.out / "trained"),
        "num_train_epochs": settings["epochs"],
        "learning_rate": settings["lr"],
        "warmup_steps": settings["warmup"],  # below 1 it is a share, since transformers 5
        "lr_scheduler_type": watch.schedule_of(settings),
        "per_device_train_batch_size": settings["batch_size"],
        "gradient_accumulation_steps": settings["gradient_accumulation"],
        "bf16": settings["precision"] == "bf16",
        "seed": settings["seed"],
        "save_strategy": "steps" if settings.get("save_steps") else "no",
        "logging_steps": 1,
        "report_to": "none",
        "use_cpu": True,
    }
    optional = {
        "max_steps": settings.get("max_steps"),
        "save_steps": settings.get("save_steps"),
        "resume_from_checkpoint": settings.get("resume_from"),
    }
    if job.evaluation:
        optional |= {"eval_dataset": "eval", "eval_strategy": "epoch"}
        optional |= {"per_device_eval_batch_size": settings["batch_size"]}
    if lora:
        targets, saved = lora["targets"], lora.get("modules_to_save")
        optional |= {
            "lora_rank": lora["r"],
            "lora_alpha": lora["alpha"],
            "lora_dropout": settings.get("dropout"),
            "lora_target": "all" if targets == "all-linear" else ",".join(targets),
            "additional_target": ",".join(saved) if saved else None,
        }
    return found | {key: value for key, value in optional.items() if value is not None} | job.extra("llamafactory")


def carry_out(job):
    files = {"train": job.training} | ({"eval": job.evaluation} if job.evaluation else {})
    known = {name: COLUMNS | {"file_name": str(file)} for name, file in files.items()}
    (job.out / "dataset_info.json").write_text(json.dumps(known))
    settings = training_of(job)
    cli("train", "sft.yaml", settings)
    if settings["finetuning_type"] != "lora":
        return settings["output_dir"]
    merging = {
        "model_name_or_path": settings["model_name_or_path"],
        "adapter_name_or_path": settings["output_dir"],
        "finetuning_type": "lora",
        "export_dir": str(job.out / "merged"),
    } | {key: settings[key] for key in ("template",) if key in settings}
    cli("export", "merge.yaml", merging)
    return merging["export_dir"]


if __name__ == "__main__":
    watch.drive(carry_out)
