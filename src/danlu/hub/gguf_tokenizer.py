"""tokenizer.json and tokenizer_config.json from a GGUF's vocabulary and merges (byte-level BPE).

Sources: the GGUF specification; llama.cpp's llama-vocab.cpp for which name means which pre-tokenizer; the
tokenizer.json that SmolLM2, Llama 3 and Qwen2 publish for the pre-tokenizers themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from danlu.artefact import write_json, write_text
from danlu.errors import LocatorError

_CONTROL, _USER_DEFINED = 3, 4  # token types of the GGUF specification
_LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@dataclass(frozen=True, slots=True)
class _Pre:
    """What happens before merges: how text is cut, whether it is NFC first, and whether words that are in the
    vocabulary skip the merges."""

    cut: Callable[[], pre_tokenizers.PreTokenizer]
    nfc: bool = False
    ignore_merges: bool = False


def _byte_level() -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)


def _split_then_bytes(pattern: str) -> pre_tokenizers.PreTokenizer:
    split = pre_tokenizers.Split(Regex(pattern), behavior="isolated")
    return pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def _digits_then_bytes() -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), _byte_level()])


_GPT2 = _Pre(_byte_level)
_SMOLLM = _Pre(_digits_then_bytes)
_LLAMA = _Pre(lambda: _split_then_bytes(_LLAMA3), ignore_merges=True)
_QWEN = _Pre(lambda: _split_then_bytes(_LLAMA3.replace("{1,3}", "")), nfc=True)
# By `tokenizer.ggml.pre`, the names that llama.cpp gives to pre-tokenizers.
_PRE: Mapping[str, _Pre] = {
    "default": _GPT2,
    "gpt-2": _GPT2,
    "smollm": _SMOLLM,
    "starcoder": _SMOLLM,
    "refact": _SMOLLM,
    "llama-bpe": _LLAMA,
    "llama3": _LLAMA,
    "llama-v3": _LLAMA,
    "qwen2": _QWEN,
    "deepseek-r1-qwen": _QWEN,
}


def write_tokenizer(metadata: Mapping[str, Any], path: Path, folder: Path) -> None:
    """Write the tokenizer's files into `folder`. Raises LocatorError for a tokenizer of another kind."""
    kind = metadata.get("tokenizer.ggml.model")
    if kind is None or "tokenizer.ggml.tokens" not in metadata:
        raise LocatorError(f"{path}: the GGUF carries no tokenizer. Use one that does, or the original folder.")
    if kind != "gpt2" or "tokenizer.ggml.merges" not in metadata:
        raise LocatorError(
            f"{path}: tokenizer kind {kind!r} cannot be converted, only byte-level BPE ('gpt2') with its merges. "
            "Use the Hugging Face checkpoint instead."
        )
    name = metadata.get("tokenizer.ggml.pre", "default")
    if name not in _PRE:
        raise LocatorError(
            f"{path}: unknown pre-tokenizer {name!r}; known are {', '.join(_PRE)}. "
            "Use the Hugging Face checkpoint instead."
        )
    tokens = metadata["tokenizer.ggml.tokens"]
    write_text(folder / "tokenizer.json", _tokenizer(metadata, tokens, _PRE[name]).to_str(pretty=False))
    write_json(folder / "tokenizer_config.json", _config(metadata, tokens))


def _tokenizer(metadata: Mapping[str, Any], tokens: list[str], pre: _Pre) -> Tokenizer:
    merges = [tuple(merge.split(" ", 1)) for merge in metadata["tokenizer.ggml.merges"]]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, ignore_merges=pre.ignore_merges))
    if pre.nfc:
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre.cut()
    tokenizer.decoder = decoders.ByteLevel()
    types = metadata.get("tokenizer.ggml.token_type", [1] * len(tokens))
    special = [t for t, kind in zip(tokens, types, strict=True) if kind == _CONTROL]
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in special])
    added = [t for t, kind in zip(tokens, types, strict=True) if kind == _USER_DEFINED]
    tokenizer.add_tokens([AddedToken(t, normalized=False) for t in added])
    bos = metadata.get("tokenizer.ggml.bos_token_id")
    if metadata.get("tokenizer.ggml.add_bos_token") and bos is not None:
        start = tokens[bos]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{start}:0 $A:0", pair=f"{start}:0 $A:0 {start}:1 $B:1", special_tokens=[(start, bos)]
        )
    return tokenizer


def _config(metadata: Mapping[str, Any], tokens: list[str]) -> dict[str, Any]:
    config: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "add_bos_token": bool(metadata.get("tokenizer.ggml.add_bos_token", False)),
        "clean_up_tokenization_spaces": False,
        "model_max_length": metadata.get(f"{metadata['general.architecture']}.context_length"),
    }
    for name, key in (("bos", "bos"), ("eos", "eos"), ("unk", "unknown"), ("pad", "padding")):
        token_id = metadata.get(f"tokenizer.ggml.{key}_token_id")
        if token_id is not None:
            config[f"{name}_token"] = tokens[token_id]
    if "tokenizer.chat_template" in metadata:
        config["chat_template"] = metadata["tokenizer.chat_template"]
    return config
