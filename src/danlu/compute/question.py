"""What is asked of the planner: a model, hardware, and settings written as `key=value`, with what is assumed said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, cast, get_args

from danlu.compute import hardware, settings
from danlu.compute.architecture import Architecture
from danlu.compute.catalogue import Cluster, Precision
from danlu.compute.job import Numerics, Software, Tuning
from danlu.compute.job.job import Counter, Loss, Method, Optimiser, Quant, Recompute
from danlu.compute.job.layout import Schedule, Sharding
from danlu.compute.quantities import amount, bytes_per_s, choice, count, flag, whole
from danlu.compute.settings import KEYS
from danlu.errors import RecipeError

TRAINS_WHOLE = {"pretrain"}
_CHINCHILLA = 20.0  # tokens a parameter: Hoffmann et al. 2022, arXiv 2203.15556
_FEW_TOKENS = 10e6  # of a fine-tuning whose size is not told
_STEP_TOKENS = 2.0**22  # of a pre-training step: Llama 3 began with 4 M tokens (arXiv 2407.21783)
_ROWS = 16  # of a fine-tuning step, over all devices


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a step. sequences, micro: None where the planner chooses. mean, document: tokens, None for seq_len."""

    seq_len: int
    sequences: int | None = None
    micro: int | None = None
    mean: float | None = None
    document: float | None = None


@dataclass(frozen=True, slots=True)
class Degrees:
    """What the user has fixed of the layout; None is searched."""

    tp: int | None = None
    pp: int | None = None
    cp: int | None = None
    ep: int | None = None
    sharding: Sharding | None = None
    shard_group: int | None = None
    reshard: bool | None = None
    virtual: int | None = None
    schedule: Schedule | None = None
    sequence_parallel: bool = True
    offload: bool = False
    recompute: Recompute | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """A load: tokens of a prompt and of a reply; requests a second, or else clients who wait for their answers.

    weights, cache: formats as people spell them. alone: nothing is trained, serving is all that was asked.
    """

    isl: int = 1024
    osl: int = 256
    rate: float | None = None
    concurrency: int | None = None
    weights: str = "bf16"
    cache: Precision = "bf16"
    engine: str = "vllm"
    alone: bool = True


@dataclass(frozen=True, slots=True)
class Question:
    """All that is asked. tokens: of the whole training. economy: the settings of faults, power and money as written.

    assumed: sentences on what was not told. settings: what was told.
    """

    architecture: Architecture
    cluster: Cluster
    rows: Rows
    tokens: float
    tuning: Tuning = field(default_factory=Tuning)
    degrees: Degrees = field(default_factory=Degrees)
    numerics: Numerics = field(default_factory=Numerics)
    software: Software = field(default_factory=Software)
    optimiser: Optimiser = "adamw"
    served: Served | None = None
    economy: Mapping[str, float] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, model: Architecture, devices: str | Cluster, told: Mapping[str, Any]) -> Question:
        """From settings as a person writes them (`{"tokens": "2T"}`).

        Raises RecipeError for an unknown key or value, with the nearest valid one.
        """
        words = {key.replace("-", "_"): _word(value) for key, value in told.items() if value is not None}
        for key in words:
            settings.known(key)
        cluster = _cluster(hardware.parse(devices) if isinstance(devices, str) else devices, words)
        method = cast(Method, choice("method", words.get("method", "pretrain"), get_args(Method)))
        assumed: list[str] = []
        return cls(
            architecture=model,
            cluster=cluster,
            rows=_rows(words, method, assumed),
            tokens=_tokens(words, model, method, assumed),
            tuning=_tuning(words, method),
            degrees=_degrees(words),
            numerics=_numerics(words, method),
            software=_software(words, method),
            optimiser=cast(Optimiser, _one_of(words, "optimiser", get_args(Optimiser), "adamw")),
            served=_served(words),
            economy=MappingProxyType(
                {key: settings.figure(key, words[key]) for key in words if key in settings.ECONOMY}
            ),
            assumed=tuple(assumed),
            settings=MappingProxyType(words),
        )


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _cluster(cluster: Cluster, words: Mapping[str, str]) -> Cluster:
    if "devices" in words:
        cluster = replace(cluster, num_devices=whole("devices", words["devices"]))
    if "network" in words:
        cluster = replace(cluster, network_bytes_per_s=bytes_per_s("network", words["network"]))
    if "power_cap" in words:
        cap = amount("power_cap", words["power_cap"], least=50.0)
        cluster = replace(cluster, power_cap_watts=min(cap, cluster.device.watts))
    return cluster


def _one_of(words: Mapping[str, str], key: str, known: tuple[str, ...], default: str) -> str:
    return choice(key, words[key], known) if key in words else default


def _rows(words: Mapping[str, str], method: Method, assumed: list[str]) -> Rows:
    pretrains = method in TRAINS_WHOLE
    seq_len = whole("seq_len", words.get("seq_len", "8k" if pretrains else "2k"), binary=True)
    if "seq_len" not in words:
        assumed.append(f"seq_len={seq_len}: rows of {seq_len:,} tokens")
    sequences = whole("batch", words["batch"]) if "batch" in words else None
    if sequences is None and "batch_tokens" in words:
        sequences = max(1, round(count("batch_tokens", words["batch_tokens"]) / seq_len))
    mean = count("mean_len", words["mean_len"]) if "mean_len" in words else None
    if mean is not None and mean > seq_len:
        raise RecipeError(f"mean_len={mean:g} is longer than seq_len={seq_len}; the nearest valid value is {seq_len}.")
    return Rows(
        seq_len=seq_len,
        sequences=sequences,
        micro=whole("micro", words["micro"]) if "micro" in words else None,
        mean=mean,
        document=count("document", words["document"]) if "document" in words else None,
    )


def usual_sequences(rows: Rows, method: Method, num_devices: int) -> int:
    """Rows of a step where nobody says: 4 M tokens in pre-training, 16 M on thousands of devices; else 16 rows."""
    if method not in TRAINS_WHOLE:
        return _ROWS
    return max(1, round(_STEP_TOKENS * (4 if num_devices > 2048 else 1) / rows.seq_len))


def _tokens(words: Mapping[str, str], model: Architecture, method: Method, assumed: list[str]) -> float:
    epochs = amount("epochs", words.get("epochs", "1"), least=0.01)
    if "tokens" in words and "rows" in words:
        raise RecipeError("tokens and rows both say how much there is to train on; leave one out.")
    if "tokens" in words:
        tokens = count("tokens", words["tokens"])
        if tokens <= 0:
            raise RecipeError(f"tokens={words['tokens']!r} is nothing to train on; write for instance 10M or 2T.")
        return tokens * epochs
    if "rows" in words:
        length = words.get("mean_len", words.get("seq_len", "8k" if method in TRAINS_WHOLE else "2k"))
        return count("rows", words["rows"]) * count("seq_len", length, binary=True) * epochs
    if method in TRAINS_WHOLE:
        tokens = _CHINCHILLA * model.active_parameters
        assumed.append(f"tokens={tokens / 1e9:.3g}B: 20 for each active parameter (Chinchilla)")
        return tokens * epochs
    assumed.append("tokens=10M: nothing says how much there is to train on")
    return _FEW_TOKENS * epochs


def _tuning(words: Mapping[str, str], method: Method) -> Tuning:
    quant = cast(Quant, _one_of(words, "quant", get_args(Quant), "nf4" if method == "qlora" else "none"))
    targets = tuple(part.strip() for part in words.get("targets", "").split(",") if part.strip())
    rank = whole("rank", words.get("rank", "16"))
    adapter = flag("adapter", words["adapter"]) if "adapter" in words else False
    targets = () if targets == ("all",) else targets
    return Tuning(method=method, rank=rank, targets=targets, quant=quant, adapter=adapter)


def _degrees(words: Mapping[str, str]) -> Degrees:
    def degree(key: str) -> int | None:
        return whole(key, words[key]) if key in words else None

    def truth(key: str) -> bool | None:
        return flag(key, words[key]) if key in words else None

    def word(key: str, known: tuple[str, ...]) -> Any:
        return choice(key, words[key], known) if key in words else None

    return Degrees(
        tp=degree("tp"),
        pp=degree("pp"),
        cp=degree("cp"),
        ep=degree("ep"),
        sharding=word("sharding", get_args(Sharding)),
        shard_group=degree("shard_group"),
        reshard=truth("reshard"),
        virtual=degree("virtual"),
        schedule=word("schedule", get_args(Schedule)),
        sequence_parallel=truth("sequence_parallel") is not False,
        offload=truth("offload") is True,
        recompute=word("recompute", get_args(Recompute)),
    )


def _numerics(words: Mapping[str, str], method: Method) -> Numerics:
    """Mixed precision with fp32 masters; fine-tuning keeps gradients as the weights are."""
    compute = cast(Precision, _one_of(words, "precision", get_args(Precision), "bf16"))
    rest: Precision = "fp32" if compute in {"fp32", "tf32"} else "bf16"
    weights = cast(Precision, _one_of(words, "weights", get_args(Precision), rest))
    gradients = cast(Precision, _one_of(words, "gradients", ("fp32", "bf16", "fp16"), "fp32"))
    masters = flag("masters", words["masters"]) if "masters" in words else method != "qlora" and weights != "fp32"
    return Numerics(compute=compute, weights=weights, gradients=gradients, masters=masters)


def _software(words: Mapping[str, str], method: Method) -> Software:
    pretrains = method in TRAINS_WHOLE
    return Software(
        framework=words.get("framework", "megatron" if pretrains else "hf-trainer").lower(),
        attention=cast(Any, _one_of(words, "attention", ("flash", "eager"), "flash")),
        compiled=flag("compiled", words["compiled"]) if "compiled" in words else pretrains,
        loss=cast(Loss, _one_of(words, "loss", get_args(Loss), "full")),
        counter=cast(Counter, _one_of(words, "counter", get_args(Counter), "nvidia-smi")),
    )


def _served(words: Mapping[str, str]) -> Served | None:
    if not any(settings.EVERY[key].group == "serving" for key in words):
        return None
    if "serve" in words and not flag("serve", words["serve"]):
        return None
    return Served(
        isl=whole("isl", words.get("isl", "1024"), binary=True),
        osl=whole("osl", words.get("osl", "256"), binary=True),
        rate=amount("rate", words["rate"], least=1e-6) if "rate" in words else None,
        concurrency=whole("concurrency", words["concurrency"]) if "concurrency" in words else None,
        weights=words.get("serve_weights", "bf16"),
        cache=cast(Precision, _one_of(words, "serve_cache", ("bf16", "fp16", "fp8", "fp32"), "bf16")),
        engine=words.get("engine", "vllm"),
        alone=not any(settings.EVERY[key].group in {"work", "tuning"} for key in words),
    )


__all__ = ["KEYS", "Degrees", "Question", "Rows", "Served", "usual_sequences"]
