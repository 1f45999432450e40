"""What the cells of a table of fine-tuning runs mean, however a publisher spells them."""

from __future__ import annotations

import re

from danlu.compute.catalogue import Precision
from danlu.compute.job import Layout, Numerics, Savings, Software, Tuning
from danlu.compute.job.adapters import FUSED
from danlu.compute.job.job import Counter, Loss, Method, Quant, Recompute
from danlu.compute.job.layout import Sharding
from danlu.compute.validation.training_cells import Row, text_of, whole

GIB = 1024.0**3

# Frameworks by what their tables call them. "hf-trainer" is everything around Transformers' Trainer.
_FRAMEWORKS: tuple[tuple[str, str], ...] = (
    (r"unsloth", "unsloth"),
    (r"megatron|nemo|mcore", "megatron"),
    (r"fms|foundation-model-stack|accelerated-peft", "fms-hf-tuning"),
    (r"torchtune", "torchtune"),
    (r"lit.?gpt|lightning", "litgpt"),
    (r"llm.?foundry|composer|mosaic", "llm-foundry"),
    (r"xtuner", "xtuner"),
    (r"axolotl", "axolotl"),
    (r"llama.?factory", "llama-factory"),
    (r"llama.?(recipes|cookbook)", "llama-recipes"),
    (r"swift", "ms-swift"),
    (r"torchtitan", "torchtitan"),
    (r"mlx", "mlx"),
    (r"trl|hugging|transformers|hf|peft|accelerate|deepspeed|lmflow", "hf-trainer"),
)
_KEEPS_ACTIVATIONS = {"litgpt", "mlx", "torchtitan"}  # unless told; all others compute them again by default


def framework(row: Row) -> str:
    """The framework's lower-case name; "" where none is told."""
    cell = text_of(row, "framework")
    where = f"{cell} {text_of(row, 'source', 'publisher')}" if not cell.strip() else cell
    return next((name for pattern, name in _FRAMEWORKS if re.search(pattern, where)), "")


def method(row: Row) -> Method | None:
    """How the model is trained; None where it is something else altogether."""
    cell, notes = text_of(row, "method"), text_of(row, "notes")
    kind = re.search(r"rlhf_type (\w+)", notes)
    told = f"{cell} {kind[1] if kind else ''}"
    if re.search(r"\b(gkd|distil\w*)\b", told) or "lm_head" in text_of(row, "model"):
        return None
    for pattern, found in (
        (r"ppo|rloo|reinforce", "ppo"),
        (r"grpo|dapo|gspo", "grpo"),
        (r"\b(dpo|kto|orpo|simpo|cpo|ipo)\b", "dpo"),
        (r"reward|\brm\b", "reward"),
        (r"pre-?train|\bpt\b", "pretrain"),
    ):
        if re.search(pattern, told):
            return found  # type: ignore[return-value]
    if "qlora" in cell:
        return "qlora"
    if re.search(r"lora|dora|adapter|ia3|vera|boft|reft|peft|other", cell):
        return "lora" if quant(row) == "none" else "qlora"
    return "full" if re.search(r"full|sft|fine|galore|lisa|bitfit", cell) else None


def quant(row: Row) -> Quant:
    """How the frozen base is stored."""
    cell = text_of(row, "quant")
    if re.search(r"gptq|awq|aqlm|hqq|eetq", cell) and not re.search(r"int8|8.?bit", cell):
        return "gptq"
    if re.search(r"int8|8.?bit", cell):
        return "int8"
    if re.search(r"4.?bit|int4|fp4|nf4|2.?bit|mxfp4", cell) or (not cell.strip() and "qlora" in text_of(row, "method")):
        return "nf4"
    return "none"


def _told(row: Row) -> str:
    return text_of(row, "method", "notes")


_SHORT = {
    "q": ("q_proj",),
    "k": ("k_proj",),
    "v": ("v_proj",),
    "o": ("o_proj",),
    "query": ("q_proj",),
    "key": ("k_proj",),
    "value": ("v_proj",),
    "projection": ("o_proj",),
    "output_proj": ("o_proj",),
    "dense": ("o_proj",),
    "c_attn": (FUSED,),
    "query_key_value": (FUSED,),
    "linear_qkv": (FUSED,),
    "qkv_proj": (FUSED,),
    "w_pack": (FUSED,),
    "gate": ("gate_proj",),
    "up": ("up_proj",),
    "down": ("down_proj",),
    "mlp": ("gate_proj", "up_proj", "down_proj"),
    "head": ("lm_head",),
}
_NAMED = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "lm_head")


def targets(row: Row) -> tuple[str, ...]:
    """Matrices with an adapter; () is all linear ones. Silent cells take the framework's default."""
    cell = text_of(row, "lora_targets")
    if not cell.strip() and not row.get("lora_rank") and re.search(r"adapter|prompt|prefix|p.?tuning", _told(row)):
        return ("prompt",)  # trained vectors beside the layers, no matrix of theirs
    if re.search(r"\ball\b|all.linear|\(.*\|.*\)", cell):
        return ()
    words = re.findall(r"[a-z_]+", cell.replace("default", ""))
    found = [name for word in words for name in _SHORT.get(word, (word,) if word in _NAMED else ())]
    if "q_proj" in words and "c_attn" in words:  # a list of every spelling that a benchmark may meet
        found = [name for name in found if name != FUSED]
    if found:
        return tuple(dict.fromkeys(found))
    if framework(row) in {"torchtune", "litgpt", "hf-trainer", "llama-recipes", "mlx"} and not cell.strip():
        return ("q_proj", "v_proj")
    return (FUSED,) if "default" in cell else ()


def tuning(row: Row) -> Tuning:
    """The method with its adapter and its base's storage."""
    rank = whole(row.get("lora_rank"))
    adapter = rank is not None or "tuner lora" in text_of(row, "notes")
    cell = text_of(row, "quant", "notes")
    twice = framework(row) != "litgpt" or re.search(r"\bdq\b|-dq|double", cell) is not None
    return Tuning(method(row) or "full", rank or 16, targets(row), quant(row), adapter, double_quant=twice)


def numerics(row: Row, name: str) -> Numerics:
    """A fine-tuner's usual precisions: all in bf16 without masters, unless an automatic mixture keeps fp32 weights.

    DeepSpeed and Megatron keep fp32 masters; LLM Foundry's FSDP keeps fp32 shards whatever it computes in.
    """
    cell = text_of(row, "precision")
    compute: Precision = "fp16" if re.search(r"fp16|float16|half", cell) and "bf" not in cell else "bf16"
    if "fp8" in cell or "fp8" in text_of(row, "notes"):
        compute = "fp8"
    if re.fullmatch(r"\s*(fp32|float32|32(-true)?)\s*", cell):
        return Numerics("fp32", "fp32", "fp32", False)
    half: Precision = "fp16" if compute == "fp16" else "bf16"
    if name == "llm-foundry" or (re.search(r"amp|mixed", cell) and "pure" not in cell):
        return Numerics(compute, "fp32", "fp32", False, half if "pure" in cell else None)
    layouts = text_of(row, "parallelism")
    if "autocast" in cell and "fsdp" in layouts and method(row) == "full":
        return Numerics(compute, "fp32", "fp32", False)  # accelerate raises what FSDP trains
    if name == "megatron":
        return Numerics(compute, half, "fp32", True)
    if re.search(r"zero|deepspeed", text_of(row, "parallelism", "framework")):
        return Numerics(compute, half, half, True)
    return Numerics(compute, half, half, False)


def layout(row: Row, num_devices: int) -> Layout:
    """Degrees from one cell: "fsdp full_shard ep2", "tp4+pp2+ep4", "zero3+cpu_offload", "ddp 2 x device_map 2"."""
    cell = text_of(row, "parallelism")

    def degree(*names: str) -> int:
        found = re.search(rf"(?:{'|'.join(names)})[\s=:_x-]*(\d+)", cell)
        return int(found[1]) if found and int(found[1]) >= 1 else 1

    tp, pp, ep = degree(r"\btp"), degree(r"\bpp"), degree(r"\bep", r"expert\D*")
    cp = degree(r"\bsp", r"\bcp", r"sequence.parallel", r"context.parallel")
    serial = re.search(r"device_map|layer split|naive|auto\b", cell) is not None
    if serial:
        pp = max(degree("device_map", "layer split"), 1)
        pp = num_devices if pp == 1 else pp
    if tp * pp * cp > num_devices or num_devices % (tp * pp * cp):
        tp, pp, cp = 1, 1, min(cp, num_devices) if num_devices % min(cp, num_devices) == 0 else 1
    dp = num_devices // (tp * pp * cp)
    return Layout(
        dp=dp,
        tp=tp,
        pp=pp,
        cp=cp,
        ep=ep if (dp * cp * tp) % ep == 0 else 1,
        sharding=_sharding(cell, framework(row)),
        shard_group=8 if "hybrid" in cell and num_devices > 8 else None,
        schedule="serial" if serial else "1f1b",
        offload=re.search(r"offload", cell) is not None or "cpu offload" in text_of(row, "notes"),
    )


def _sharding(cell: str, name: str) -> Sharding:
    if re.search(r"zero.?3|stage.?3|full.?shard|hybrid", cell):
        return "zero3"
    if re.search(r"zero.?2|stage.?2|shard_grad_op|deepspeed", cell):
        return "zero2"
    if re.search(r"zero.?1|stage.?1", cell) or name == "megatron":
        return "zero1"
    return "zero3" if re.search(r"fsdp|zero", cell) else "none"


def recompute(row: Row, name: str, num_devices: int) -> Recompute:
    """What the cell says, or the framework's default: fine-tuners compute activations again unless told not to.

    LitGPT does so only where it shards (its FSDP strategy names the blocks).
    """
    cell = text_of(row, "recompute").strip()
    if "selective" in cell:
        return "selective"
    if re.search(r"^(no|none|false|off|0)\b", cell):
        return "none"
    if cell:
        return "full"
    if name in _KEEPS_ACTIVATIONS:
        return "full" if name == "litgpt" and num_devices > 1 else "none"
    return "full"


def loss(row: Row, name: str) -> Loss:
    """How logits become a loss in this framework."""
    cell = text_of(row, "framework", "notes", "compile")
    if re.search(r"liger|cut.?cross|\bcce\b|linear.?cross|fused (linear|ce|cross)", cell) and "not using" not in cell:
        return "fused"
    if re.search(r"chunk", cell):
        return "chunked"
    if re.search(r"foak|fast.kernels", cell) or name in {"unsloth", "megatron", "llm-foundry"}:
        return "kernel"
    if name == "torchtune" and "also on:" not in cell and not re.search(r"llama.?2", text_of(row, "model")):
        return "chunked"  # the default since August 2024, when Llama 3.1 was the newest
    return "full"


def software(row: Row, name: str) -> Software:
    """Framework with its kernels and the counter that memory was read from."""
    cell = text_of(row, "framework", "notes")
    attention = text_of(row, "attention")
    eager = re.search(r"\b(none|eager|unfused|vanilla|no|math)\b", attention) is not None
    if not attention.strip() and name == "hf-trainer":
        eager = _year(row, name) < _FUSED_BY_DEFAULT
    fused = re.search(r"foak|fast.kernels|liger|fused kernels", cell) and "not using" not in cell
    compiled = re.search(r"yes|true|\b1\b", text_of(row, "compile")) is not None
    return Software(
        framework=text_of(row, "framework").strip() or name,
        year=_year(row, name),
        attention="eager" if eager else "flash",
        compiled=bool(compiled or fused or name in {"unsloth", "megatron"}),
        loss=loss(row, name),
        counter=counter(row),
    )


_BORN = {"llm-foundry": 2023.4, "litgpt": 2023.8, "xtuner": 2023.9, "unsloth": 2023.9, "ms-swift": 2023.9}


_FUSED_BY_DEFAULT = 2024.0  # Transformers 4.36 took PyTorch's fused attention unless told otherwise


def _year(row: Row, name: str) -> float:
    """Of the release: by PyTorch's number (2.1 is of October 2023, then one a quarter), a date in the source, or the
    kernels that it names; no earlier than the framework."""
    cell = text_of(row, "framework_version", "source", "notes")
    torch = re.search(r"(?:torch|pytorch)\s*v?2\.(\d+)", cell)
    dated = re.search(r"\b(20[12]\d)\b", cell)
    told = 2023.53 + 0.27 * int(torch[1]) if torch else int(dated[1]) + 0.5 if dated else 0.0
    if re.search(r"2|flash_attention_2|3", text_of(row, "attention")):
        told = max(told, 2023.7)
    return max(told, _BORN.get(name, 2023.6)) if told else _BORN.get(name, 2024.5)


def counter(row: Row) -> Counter:
    """What memory was read from; reserved where nobody says, between the other two."""
    cell = text_of(row, "memory_kind")
    if "alloc" in cell or "active" in cell:
        return "allocated"
    return "nvidia-smi" if re.search(r"smi|process|device", cell) else "reserved"


def memory_unit(row: Row) -> float:
    """Bytes of the printed unit: GiB, decimal GB, or (where nobody says) GiB, as PyTorch and nvidia-smi count."""
    told = re.search(r"mem_unit\s*=\s*([^;(]*)", row.get("notes") or "", re.IGNORECASE)
    words = (told[1] if told else row.get("memory_unit") or "").lower()
    if re.search(r"1e9|10\^9|decimal", words):
        return 1e9
    if "decimal gb" in (row.get("notes") or "").lower():
        return 1e9
    return GIB


def savings(row: Row) -> Savings:
    """Of memory, beyond recompute and sharding."""
    cell = text_of(row, "optimiser", "notes", "recompute", "framework")
    return Savings(
        in_backward=re.search(r"in.?backward|in.?bwd|per.?layer weight update|low.?memory|\blomo\b", cell) is not None,
        paged="paged" in text_of(row, "optimiser") or "pagedadamw" in cell,
        activation_offload=re.search(r"activation offload|unsloth offload", cell) is not None,
    )
