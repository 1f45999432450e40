"""TRL as its users run it: a script with SFTConfig and SFTTrainer.

python drive_trl.py JOBS.json       (see watch.py)
"""

import watch
from datasets import load_dataset
from peft import AutoPeftModelForCausalLM, LoraConfig
from transformers import AutoTokenizer
from trl import SFTConfig, SFTTrainer


def arguments_of(job):
    """The user's SFTConfig. An unknown key is passed as it stands, and Python judges it."""
    settings = job.settings
    known = {
        "output_dir": str(job.out / "trained"),
        "max_length": settings["max_length"],
        "packing": settings["packing"],
        "num_train_epochs": settings["epochs"],
        "learning_rate": settings["lr"],
        "warmup_steps": settings["warmup"],  # below 1 it is a share, since transformers 5
        "lr_scheduler_type": watch.schedule_of(settings),
        "per_device_train_batch_size": settings["batch_size"],
        "per_device_eval_batch_size": settings["batch_size"],
        "gradient_accumulation_steps": settings["gradient_accumulation"],
        "bf16": settings["precision"] == "bf16",
        "assistant_only_loss": settings["assistant_only_loss"],
        "seed": settings["seed"],
        "max_steps": settings.get("max_steps") or -1,
        "save_strategy": "steps" if settings.get("save_steps") else "no",
        "save_steps": settings.get("save_steps") or 500,
        "eval_strategy": "epoch" if job.evaluation else "no",
        "logging_steps": 1,
        "report_to": "none",
        "use_cpu": True,
    }
    if (job.fixture / "trl.jinja").exists():  # a template that TRL cannot train on, as its message says to modify it
        known["chat_template_path"] = str(job.fixture / "trl.jinja")
    return SFTConfig(**(known | job.extra("trl")))


def adapter_of(settings):
    """The user's LoraConfig, or None."""
    lora = settings.get("lora")
    return lora and LoraConfig(
        task_type="CAUSAL_LM",
        r=lora["r"],
        lora_alpha=lora["alpha"],
        lora_dropout=settings.get("dropout") or 0.0,
        target_modules=lora["targets"],
        modules_to_save=lora.get("modules_to_save"),
    )


def carry_out(job):
    settings = job.settings
    files = {"train": str(job.training)} | ({"eval": str(job.evaluation)} if job.evaluation else {})
    rows = load_dataset("json", data_files=files)
    trainer = SFTTrainer(
        model=str(job.fixture / "base"),
        args=arguments_of(job),
        train_dataset=rows["train"],
        eval_dataset=rows.get("eval"),
        peft_config=adapter_of(settings),
    )
    trainer.train(resume_from_checkpoint=settings.get("resume_from"))
    trainer.save_model()
    trained = trainer.args.output_dir
    if not settings.get("lora"):
        return trained
    merged = job.out / "merged"
    AutoPeftModelForCausalLM.from_pretrained(trained).merge_and_unload().save_pretrained(merged)
    AutoTokenizer.from_pretrained(trained).save_pretrained(merged)
    return merged


if __name__ == "__main__":
    watch.drive(carry_out)
