"""What fixtures are made of: a tiny base, rows, settings. Everything is written by code, the same bytes each time.

The tokenizer knows bytes and a few special tokens, so that every id can be read by eye; the base is a two-layer
Llama of 30,000 numbers, random but fixed.
"""

from __future__ import annotations

import functools
import json
import random
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

Row = dict[str, Any]
SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['role'] == 'assistant' %}"  # marked, because TRL masks by this mark alone
    "{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}"
    "{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}{{ '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
CONFIG: Mapping[str, Any] = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 1024,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "tie_word_embeddings": True,
    "hidden_act": "silu",
    "attention_bias": False,
    "mlp_bias": False,
    "attention_dropout": 0.0,
    "initializer_range": 0.02,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "dtype": "bfloat16",
}
ALL_LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


@dataclass(frozen=True)
class Settings:
    """settings.json: what a user asks for, in words that every trainer has.

    warmup: share of the steps. batch_size: rows of one forward pass. lora: {r, alpha, targets, modules_to_save} or
    None for full weights. resume_from: a peer's checkpoint folder. extra: keys written as they are into the peer's
    configuration (and into danlu's `training`); what stands under a peer's name is for that peer alone.
    """

    max_length: int = 256
    packing: bool = False
    epochs: float = 1
    lr: float = 1e-3
    warmup: float = 0.0
    schedule: str = "constant"
    batch_size: int = 2
    gradient_accumulation: int = 1
    precision: str = "fp32"
    assistant_only_loss: bool = True
    lora: dict[str, Any] | None = field(
        default_factory=lambda: {"r": 4, "alpha": 8, "targets": list(ALL_LINEAR), "modules_to_save": []}
    )
    weight_decay: float = 0.0
    seed: int = 0
    resume_from: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)


def fixture(
    folder: Path,
    rows: Sequence[Row] | None = None,
    *,
    evaluation: Sequence[Row] = (),
    base: Mapping[str, Any] | None = None,
    **settings: Any,
) -> None:
    """Write base/, train.jsonl, eval.jsonl (if any) and settings.json. base: arguments of `write_base`."""
    write_base(folder / "base", **(base or {}))
    write_rows(folder / "train.jsonl", sums(12) if rows is None else rows)
    if evaluation:
        write_rows(folder / "eval.jsonl", evaluation)
    (folder / "settings.json").write_text(json.dumps(asdict(Settings(**settings)), indent=1) + "\n")


def write_base(
    folder: Path,
    *,
    template: str | None = CHATML,
    specials: Sequence[str] = SPECIALS,
    config: Mapping[str, Any] | None = None,
    tokenizer: Mapping[str, Any] | None = None,
    generation: Mapping[str, Any] | None = None,
) -> None:
    """A base in the Hugging Face layout. config, tokenizer (tokenizer_config.json), generation: keys that differ.

    specials: the first ids, in order; 256 bytes follow. A key given as None is left out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    vocab = len(specials) + 256
    _write_tokenizer(folder / "tokenizer.json", specials)
    known = {"bos_token": "<|endoftext|>", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    plain = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": 1024,
        "clean_up_tokenization_spaces": False,
        **{key: token for key, token in known.items() if token in specials},
        "chat_template": template,
    }
    whole = {**CONFIG, "vocab_size": vocab, **(config or {})}
    ends = {"bos_token_id": 0, "eos_token_id": whole.get("eos_token_id")}
    for name, values in (
        ("tokenizer_config.json", {**plain, **(tokenizer or {})}),
        ("config.json", whole),
        ("generation_config.json", {**ends, **(generation or {})}),
        ("danlu.json", {"schema": "danlu/base-1", "licence": "own", "dequantised": None}),
    ):
        kept = {key: value for key, value in values.items() if value is not None or key == "dequantised"}
        (folder / name).write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    shutil.copyfile(_weights(json.dumps(whole, sort_keys=True)), folder / "model.safetensors")


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """JSON Lines."""
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text("".join(lines), encoding="utf-8")


def dialogue(*turns: str, system: str | None = None) -> Row:
    """A row of turns: the user's, the assistant's, and so on."""
    head = [] if system is None else [{"role": "system", "content": system}]
    said = [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(turns)]
    return {"messages": [*head, *said]}


def sums(count: int, seed: int = 0) -> list[Row]:
    """Short dialogues, no two alike."""
    draw = random.Random(seed)
    words = "red green blue old new small large round flat warm cold quick slow loud soft dry wet thin".split()
    rows = []
    for _ in range(count):
        a, b, said = draw.randint(100, 999), draw.randint(100, 999), draw.sample(words, 5)
        rows.append(dialogue(f"Add {a} and {b}, {' '.join(said)}?", f"That is {a + b}, {said[0]} and {said[3]}."))
    return rows


def _write_tokenizer(path: Path, specials: Sequence[str]) -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate([*specials, *alphabet])}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(list(specials))
    made.save(str(path))


@functools.cache
def _weights(config: str) -> Path:
    """A file of random bf16 weights for a configuration; made once a process."""
    import torch

    from danlu.model import Decoder, DecoderConfig, save

    holder = Path(tempfile.mkdtemp(prefix="silent-base-"))
    like = holder / "like"
    like.mkdir()
    (like / "config.json").write_text(config)
    draw = torch.Generator().manual_seed(0)
    decoder = Decoder(DecoderConfig.from_hf(json.loads(config)))
    with torch.no_grad():
        for parameter in decoder.parameters():
            if parameter.ndim > 1:  # small, so that the loss begins near that of guessing, as a trained model's does
                parameter.normal_(std=0.08, generator=draw)
    save(decoder.bfloat16(), holder, like)
    return holder / "model.safetensors"
