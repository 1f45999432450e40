"""Memory of each phase, item by item; a run's peak is the largest phase, not their sum.

T tokens of a micro-batch, L layers, D width, F feed-forward width, H heads, G key-value heads, K head width, R rank.
Sources: Rajbhandari et al. 2020, arXiv 1910.02054 (states of the optimiser); Korthikanti et al. 2022, arXiv
2205.05198 (how activations are counted). The count itself is of danlu's own decoder: every tensor that autograd
keeps was listed with saved_tensors_hooks, for several shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from danlu.compute.catalogue import Device
from danlu.compute.model import Shapes
from danlu.compute.workload import Workload
from danlu.recipe import Lora, Training

Phase = Literal["train", "save", "evaluate"]
CHUNK = 512  # positions whose logits exist at one time
_LOGIT_BYTES = 8  # fp32, twice: the logits, and what logsumexp makes of them
_SCATTER = 1.4  # what the allocator holds over what is used, measured over micro-batches of 250 to 4,000 tokens
_PROCESS_BYTES = {"cpu": 450e6, "gpu": 900e6}  # Python with torch, kernels' scratch; on a GPU its context


def activation_bytes_per_token(shapes: Shapes, training: Training) -> float:
    """What autograd keeps of one token in all layers, in a step.

    A layer: two norms in fp32 and their outputs 12 D; queries and attention's output 4 HK, keys and values 4 GK;
    SwiGLU 8 F; each adapter's middle 2 R; log-sum-exp of attention 4 H, scales of two norms 8.
    """
    queries, keys = shapes.num_heads * shapes.head_width, shapes.num_kv_heads * shapes.head_width
    wide = 12 * shapes.width + 4 * queries + 4 * keys + 8 * shapes.ffn_width
    low = 0
    if isinstance(training.adapter, Lora):
        low = 2 * training.adapter.rank * len(shapes.adapted(training.adapter))
    wide += 4 * (queries + keys) if shapes.qk_norm else 0
    size = 1 if training.precision == "bf16" else 2
    return float(shapes.num_layers * (size * (wide + low) + 4 * shapes.num_heads + 8))


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of every item in every phase."""

    phases: Mapping[Phase, Mapping[str, float]]

    def of(self, phase: Phase) -> float:
        """The sum of one phase."""
        return sum(self.phases[phase].values())

    @property
    def peak_phase(self) -> Phase:
        """The phase that needs most."""
        return max(self.phases, key=self.of)

    @property
    def peak_bytes(self) -> float:
        """What that phase needs."""
        return self.of(self.peak_phase)


def micro_batch(training: Training, workload: Workload) -> float:
    """Tokens of the largest forward pass: whole packs, at least one."""
    whole = workload.tokens * max(1.0, training.epochs)
    return min(max(training.micro_batch_tokens or 0, workload.max_length), max(whole, 1.0))


def memory(shapes: Shapes, training: Training, workload: Workload, device: Device) -> Memory:
    """Every phase of a run on one device."""
    size = 2 if training.precision == "bf16" else 4
    weights = float(size * shapes.num_parameters)
    process = _PROCESS_BYTES[device.kind]
    trained = shapes.trained_parameters(training)
    adapted = isinstance(training.adapter, Lora)
    states = {
        "adapters" if adapted else "fp32 masters": 4.0 * trained,
        "gradients": 4.0 * trained,
        "AdamW's moments": 8.0 * trained,
    }
    tokens = micro_batch(training, workload)
    kept = activation_bytes_per_token(shapes, training) * tokens
    if adapted:
        kept += size * trained  # each adapter's copy in the type of the products
    share = workload.supervised / max(workload.tokens, 1.0)
    logits = float(min(CHUNK, share * tokens) * shapes.vocab_size * _LOGIT_BYTES)
    train = {
        "weights": weights,
        **states,
        "activations": kept,
        "logits": logits,
        "allocator": (_SCATTER - 1) * (kept + logits),
        "process": process,
    }
    saved = {name: value for name, value in states.items() if name != "gradients"}
    save = {"weights": 2 * weights, "merged model": weights, **saved, "process": process}
    return Memory({"train": train, "save": save, "evaluate": _evaluation(shapes, workload, weights, process)})


def _evaluation(shapes: Shapes, workload: Workload, weights: float, process: float) -> dict[str, float]:
    """Weights, the cache of keys and values for a full batch, and one forward pass over prompts."""
    longest = max((q.prompt + q.new_tokens for q in workload.questions), default=0.0)
    batch = min(workload.batch, max((q.count for q in workload.questions), default=0))
    cache = float(batch * longest * shapes.kv_bytes_per_token)
    prompts = max(
        [batch * q.prompt for q in workload.questions] + [workload.batch * s.tokens for s in workload.scoring] + [0]
    )
    layer = 2.0 * prompts * (4 * shapes.width + 3 * shapes.ffn_width + 2 * shapes.num_heads * shapes.head_width)
    logits = float(min(CHUNK, workload.batch) * shapes.vocab_size * _LOGIT_BYTES)
    return {
        "weights": weights,
        "cache of keys and values": cache,
        "activations": layer,
        "logits": logits,
        "allocator": (_SCATTER - 1) * (cache + layer + logits),
        "process": process,
    }
