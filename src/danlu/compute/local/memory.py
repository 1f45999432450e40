"""Memory of each phase, item by item; a run's peak is the largest phase, not their sum.

T tokens of a micro-batch, L layers, D width, F feed-forward width, H heads, G key-value heads, K head width, R rank.
Sources: Rajbhandari et al. 2020, arXiv 1910.02054 (states of the optimiser); Korthikanti et al. 2022, arXiv
2205.05198 (how activations are counted). The count itself is of danlu's own decoder: every tensor that autograd
keeps was listed with saved_tensors_hooks, for several shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from danlu.compute.architecture import Architecture
from danlu.compute.catalogue import Device
from danlu.compute.local.work import adapted, trained_parameters
from danlu.compute.local.workload import Workload
from danlu.compute.phases import Memory
from danlu.recipe import Lora, Training

CHUNK = 512  # positions whose logits exist at one time
_LOSS_BYTES = {"cpu": 2, "gpu": 8}  # of a logit in training: compiled, the gradient takes its place (model/kernels.c)
_LOGIT_BYTES = 8  # of one in scoring: fp32, twice, the logits and what logsumexp makes of them
_PASS_TOKENS = 2048  # of prompts in one forward pass, at least one prompt
_LOGIT_ROWS = 256  # whose logits are held at once in scoring
_SCATTER = 1.1  # what the allocator holds over what is used, measured over micro-batches of 250 to 4,000 tokens
_HELD = {"cpu": 0.55, "gpu": 1.0}  # of what training needed, where evaluation does not use the same blocks again
# Python with torch and danlu, and the kernels that were compiled for the shapes met last; on a GPU its context
_PROCESS_BYTES = {"cpu": 800e6, "gpu": 900e6}


def side(device: Device) -> Literal["cpu", "gpu"]:
    """How danlu's loop behaves there: as on this kind of machine, or as on a card."""
    return "cpu" if device.kind == "cpu" else "gpu"


def activation_bytes_per_token(model: Architecture, training: Training) -> float:
    """What autograd keeps of one token in one layer.

    In the type of the products, say 2 bytes: each of two norms its input, 2 D; queries and attention's output 2 HK,
    keys and values 2 GK; of SwiGLU both halves, 2 F. A matrix that is trained or has an adapter keeps its input: D for
    queries, keys and values, D for gate and up, F for down. An adapter keeps its middle, R. In fp32, a number for each
    norm.
    """
    queries, keys = model.num_heads * model.head_width, model.num_kv_heads * model.head_width
    elements = 2 * model.width + 2 * queries + 2 * keys + 2 * model.ffn_width
    exact = 2
    learning = {m.name for m in (*model.attention_matrices, *model.dense_matrices)}
    if isinstance(training.adapter, Lora):
        learning = {m.name for m in adapted(model, training.adapter)}
        elements += training.adapter.rank * len(learning)
    elements += model.width * (("q_proj" in learning) + ("gate_proj" in learning))
    elements += model.ffn_width * ("down_proj" in learning)
    if model.qk_norm:
        elements += queries + keys
        exact += model.num_heads + model.num_kv_heads
    return float((2 if training.precision == "bf16" else 4) * elements + 4 * exact)


def kept_bytes(model: Architecture, training: Training, tokens: float) -> float:
    """What autograd keeps of a micro-batch. Recomputing keeps each layer's input, and one layer's all at a time."""
    layer = activation_bytes_per_token(model, training) * tokens
    size = 2 if training.precision == "bf16" else 4
    copies = 0.0
    if isinstance(training.adapter, Lora):  # each adapter in the type of the products
        copies = float(size * trained_parameters(model, training))
    if not training.recompute:
        return model.num_layers * layer + copies
    return layer + copies / model.num_layers + size * model.num_layers * model.width * tokens


def micro_batch(training: Training, workload: Workload) -> float:
    """Tokens of the largest forward pass: whole packs, at least one. Workload.unshared says how many are computed."""
    whole = workload.tokens * max(1.0, training.epochs)
    asked = min(training.micro_batch_tokens or 0, training.batch_tokens)
    return min(max(asked, workload.max_length), max(whole, 1.0))


def memory(model: Architecture, training: Training, workload: Workload, device: Device) -> Memory:
    """Every phase of a run on one device."""
    size = 2 if training.precision == "bf16" else 4
    weights = float(size * model.num_parameters)
    process = _PROCESS_BYTES[side(device)]
    states = _states(model, training)
    tokens = micro_batch(training, workload)
    share = workload.supervised / max(workload.tokens, 1.0)
    kept = kept_bytes(model, training, tokens * workload.unshared)
    logits = float(min(CHUNK, share * tokens) * model.vocab_size * _LOSS_BYTES[side(device)])
    if not isinstance(training.adapter, Lora):
        logits += 6.0 * model.head_parameters  # the head's gradient, summed in fp32 and rounded
    train = {
        "weights": weights,
        **states,
        "activations": kept,
        "logits": logits,
        "allocator": (_SCATTER - 1) * (kept + logits),
        "process": process,
    }
    # the saved model is read back beside the trained one, while the allocator still holds what steps needed
    save = {**{item: value for item, value in train.items() if item != "logits"}, "the model, read back": weights}
    if workload.ranks > 1:
        train["other ranks"] = _other_ranks(train, workload.ranks)
    evaluate = _evaluation(model, workload, size, process)
    held = sum(train.values()) - weights - process - train.get("other ranks", 0.0)
    if side(device) == "gpu":  # torch's own allocator hands the same memory out again; the C library's does not
        held = max(0.0, held - (sum(evaluate.values()) - weights - process))
    evaluate["held since training"] = _HELD[side(device)] * held
    return Memory({"train": train, "save": save, "evaluate": evaluate})


def _other_ranks(alone: Mapping[str, float], ranks: int) -> float:
    """Every other rank has all but moments, and its gradients once more, laid out to be sent; they arrive here."""
    gradients = alone["gradients"]
    return (ranks - 1) * (sum(alone.values()) - alone["AdamW's moments"] + gradients) + gradients


def _states(model: Architecture, training: Training) -> dict[str, float]:
    """What the optimiser keeps of each trained parameter, in fp32; weights that are fp32 are their own masters."""
    trained = trained_parameters(model, training)
    moved = {"gradients": 4.0 * trained, "AdamW's moments": 8.0 * trained}
    if isinstance(training.adapter, Lora):
        return {"adapters": 4.0 * trained, **moved}
    return moved if training.precision == "fp32" else {"fp32 masters": 4.0 * trained, **moved}


def _evaluation(model: Architecture, workload: Workload, size: int, process: float) -> dict[str, float]:
    """Weights, the cache of keys and values for a full batch, and one forward pass over prompts or texts to score."""
    cache, pass_ = 0.0, 0.0
    for questions in workload.questions:
        together = min(workload.batch, questions.count)
        context = questions.prompt + questions.new_tokens
        cache = max(cache, (together + 1) * model.kv_bytes(context, size))  # one slot holds the shared
        tokens = together * (questions.prompt - questions.shared)
        pass_ = max(pass_, _pass_bytes(model, tokens, questions.prompt, size))
    for scoring in workload.scoring:
        pass_ = max(
            pass_, _pass_bytes(model, min(workload.batch, scoring.count) * scoring.tokens, scoring.tokens, size)
        )
    logits = float(min(_LOGIT_ROWS, 8 * workload.batch) * model.vocab_size * _LOGIT_BYTES)
    return {
        "weights": float(size * model.num_parameters),
        "cache of keys and values": cache,
        "activations": pass_,
        "logits": logits,
        "allocator": (_SCATTER - 1) * (pass_ + logits),
        "process": process,
    }


def _pass_bytes(model: Architecture, tokens: float, context: float, size: int) -> float:
    """One layer's activations of a pass, and its scores, twice in fp32 and once in the type of the products."""
    tokens = min(tokens, max(_PASS_TOKENS, context))
    widths = 4 * model.width + 3 * model.ffn_width + 2 * model.num_heads * model.head_width
    return tokens * (size * widths + (8 + size) * model.num_heads * context)
