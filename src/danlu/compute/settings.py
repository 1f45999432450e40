"""The `key=value` settings of a plan: what each means, in the words of `danlu plan --help`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from danlu.compute.economics.account import KEYS as ASSUMED
from danlu.compute.quantities import amount, nearest
from danlu.errors import RecipeError


class Setting(NamedTuple):
    """A key. words: what it means, with its unit and default. least, most: bounds where it is a plain figure."""

    group: str
    words: str
    least: float = 0.0
    most: float = float("inf")


KEYS: Mapping[str, Setting] = {
    "method": Setting("work", "pretrain, full, lora, qlora, dpo, reward, ppo or grpo"),
    "tokens": Setting("work", "of the whole training: 2T, 300B, 10M"),
    "rows": Setting("work", "in place of tokens: rows of mean_len (else seq_len) tokens"),
    "epochs": Setting("work", "passes over them; 1"),
    "seq_len": Setting("work", "tokens of the longest row: 8k is 8,192"),
    "mean_len": Setting("work", "tokens of a row on average, which decides time; seq_len"),
    "document": Setting("work", "tokens that attention sees in packed rows; seq_len"),
    "batch": Setting("work", "rows of an optimiser step over all devices"),
    "batch_tokens": Setting("work", "the same in tokens: 4M"),
    "micro": Setting("work", "rows of one forward pass on a data-parallel rank; searched"),
    "rank": Setting("tuning", "of LoRA; 16"),
    "targets": Setting("tuning", "matrices with an adapter: q_proj,v_proj; all linear ones"),
    "adapter": Setting("tuning", "true: dpo, reward, ppo, grpo train a LoRA adapter; false"),
    "quant": Setting("tuning", "of the frozen base: none, int8, nf4, gptq"),
    "precision": Setting("numerics", "of products: bf16, fp8, fp4, fp16, tf32, fp32"),
    "weights": Setting("numerics", "as they rest in memory; bf16"),
    "gradients": Setting("numerics", "as they rest in memory; fp32"),
    "masters": Setting("numerics", "fp32 copies of the weights; true"),
    "optimiser": Setting("numerics", "adamw, adamw8bit, adafactor, lion, muon, sgd, galore"),
    "framework": Setting("software", "megatron, torchtitan, hf-trainer, torchtune, litgpt, …"),
    "attention": Setting("software", "flash or eager"),
    "compiled": Setting("software", "torch.compile or fused kernels: true, false"),
    "loss": Setting("software", "full logits in fp32, chunked, or fused (never whole)"),
    "counter": Setting("software", "memory as allocated, reserved or nvidia-smi shows it; the last"),
    "tp": Setting("layout", "tensor parallel; searched, as what follows"),
    "pp": Setting("layout", "pipeline stages"),
    "cp": Setting("layout", "context parallel"),
    "ep": Setting("layout", "expert parallel"),
    "sharding": Setting("layout", "none, zero1, zero2, zero3 (FSDP)"),
    "shard_group": Setting("layout", "devices that share one copy of what is sharded"),
    "reshard": Setting("layout", "zero3 frees the weights after the forward pass"),
    "virtual": Setting("layout", "virtual stages of a pipeline"),
    "schedule": Setting("layout", "1f1b, gpipe, interleaved, zero-bubble"),
    "sequence_parallel": Setting("layout", "norms are divided with tp; true"),
    "offload": Setting("layout", "states rest in the host's memory; false"),
    "recompute": Setting("layout", "none, selective, full"),
    "devices": Setting("hardware", "how many, in place of the number in hardware"),
    "network": Setting("hardware", "of each device to another node, one way: 400Gb/s, 50GB/s"),
    "power_cap": Setting("hardware", "watts of a device, which slow its clock; its design power"),
    "serve": Setting("serving", "true: the same hardware serves the model; isl, osl imply it"),
    "isl": Setting("serving", "tokens of a prompt; 1k"),
    "osl": Setting("serving", "tokens of a reply; 256"),
    "rate": Setting("serving", "requests a second; without it, a closed loop"),
    "concurrency": Setting("serving", "clients, each of whom waits for its answer; 32"),
    "serve_weights": Setting("serving", "bf16, fp8, nvfp4, int4, q4_k, …; bf16"),
    "serve_cache": Setting("serving", "precision of keys and values: bf16, fp8; bf16"),
    "engine": Setting("serving", "vllm, sglang, tensorrt-llm, transformers, llama.cpp; vllm"),
}
ECONOMY: Mapping[str, Setting] = {
    name: Setting("assumptions", f"{each.words}, {each.unit}; {each.value:g}", each.least, each.most)
    for name, each in ASSUMED.items()
} | {
    "usd_a_year": Setting("assumptions", "what the model earns in its first year, USD: train now or wait?"),
    "unique_tokens": Setting("assumptions", "tokens of text that there are, 0 for enough: 200B; the rest are repeats"),
}
EVERY: Mapping[str, Setting] = {**KEYS, **ECONOMY}


def known(key: str) -> Setting:
    """The setting of that name. Raises RecipeError with the nearest one."""
    if key in EVERY:
        return EVERY[key]
    near = nearest(key, EVERY)
    raise RecipeError(f"{key!r} is no setting of a plan; the nearest is {near}= ({known(near).words}).")


def figure(key: str, text: str) -> float:
    """A plain figure within its setting's bounds. Raises RecipeError with the nearest valid value."""
    setting = known(key)
    return amount(key, text, least=setting.least, most=setting.most)


SUBJECTS = ("model", "hardware")  # that a plan is of: told as options, or as key=value like every setting


def pairs(written: list[str]) -> dict[str, str]:
    """`key=value` arguments as a dictionary. Raises RecipeError for a word without `=`, and for a key told twice."""
    found: dict[str, str] = {}
    for word in written:
        key, equals, value = word.partition("=")
        key = key.strip().lstrip("-").replace("-", "_")
        if not equals:
            raise RecipeError(f"{word!r} is not a setting; write key=value, for instance tokens=2T.")
        if key not in SUBJECTS:
            known(key)
        if key in found:
            raise RecipeError(f"{key} is told twice: {found[key]} and {value}.")
        found[key] = value.strip()
    return found
