"""A GGUF file becomes a Hugging Face folder: weights in bf16, tokenizer.json, configuration.

Sources: the GGUF specification (ggml), and llama.cpp's convert_hf_to_gguf.py, whose permutation of the query
and key rows is undone here. Memory stays near one tensor in fp32 plus the bf16 checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFReader, dequantize
from numpy.typing import NDArray
from safetensors import TensorSpec, serialize

from danlu.artefact import write_bytes, write_json
from danlu.errors import LocatorError
from danlu.hub.gguf_tokenizer import write_tokenizer

_LAYER = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_OUTER = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}


class GGUF:
    """A GGUF file, opened: `metadata` is read once, tensors are read as they are asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._reader = GGUFReader(path)
        except (ValueError, OSError, IndexError) as error:
            raise LocatorError(f"{path}: not a readable GGUF file ({error}). Fetch it again.") from error
        self.metadata: dict[str, Any] = {
            key: field.contents() for key, field in self._reader.fields.items() if not key.startswith("GGUF.")
        }
        kind = self.metadata.get("general.architecture")
        if kind != "llama":
            raise LocatorError(
                f"{path}: GGUF architecture {kind!r} cannot be converted, only 'llama' can. "
                " Use the Hugging Face checkpoint instead."
            )

    @property
    def quantisation(self) -> str | None:
        """The commonest quantised type of the weights ("Q4_1"), or None when nothing is quantised."""
        kinds = [t.tensor_type.name for t in self._reader.tensors if t.tensor_type.name not in _EXACT]
        return max(set(kinds), key=kinds.count) if kinds else None

    def tensors(self) -> Iterator[tuple[str, NDArray[np.float32]]]:
        """(Hugging Face name, fp32 values) for every weight."""
        heads = {
            "attn_q": self._number("attention.head_count"),
            "attn_k": self._number("attention.head_count_kv"),
        }
        for tensor in self._reader.tensors:
            name, part = self._renamed(tensor.name)
            if name is None:
                continue
            try:
                values = dequantize(tensor.data, tensor.tensor_type)
            except NotImplementedError as error:
                kind = tensor.tensor_type.name
                raise LocatorError(f"{self.path}: tensor type {kind} of {tensor.name} is not supported.") from error
            values = values.reshape(tuple(int(n) for n in reversed(tensor.shape)))
            yield name, _unpermuted(values, heads[part]) if part in heads else values

    def config(self) -> dict[str, Any]:
        """The Hugging Face config.json of a Llama decoder."""
        width, heads = self._number("embedding_length"), self._number("attention.head_count")
        context = self._number("context_length")
        tied = all(t.name != "output.weight" for t in self._reader.tensors)
        return {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_size": width,
            "intermediate_size": self._number("feed_forward_length"),
            "num_hidden_layers": self._number("block_count"),
            "num_attention_heads": heads,
            "num_key_value_heads": self._number("attention.head_count_kv"),
            "head_dim": self.metadata.get("llama.rope.dimension_count", width // heads),
            "hidden_act": "silu",
            # stored as float32: 9.999999747378752e-06 was written as 1e-5
            "rms_norm_eps": _rounded(self._number("attention.layer_norm_rms_epsilon")),
            "rope_theta": _rounded(self.metadata.get("llama.rope.freq_base", 10_000.0)),
            "max_position_embeddings": context,
            "vocab_size": len(self.metadata["tokenizer.ggml.tokens"]),
            "tie_word_embeddings": tied,
            "attention_bias": False,
            "mlp_bias": False,
            "bos_token_id": self.metadata.get("tokenizer.ggml.bos_token_id"),
            "eos_token_id": self.metadata.get("tokenizer.ggml.eos_token_id"),
            "pad_token_id": self.metadata.get("tokenizer.ggml.padding_token_id"),
            "dtype": "bfloat16",
        }

    def _number(self, key: str) -> Any:
        value = self.metadata.get(f"llama.{key}")
        if value is None:
            raise LocatorError(f"{self.path}: the GGUF has no llama.{key}, so its shape is unknown.")
        return value

    def _renamed(self, name: str) -> tuple[str | None, str]:
        parts = name.split(".")
        if parts[0] in _OUTER:
            return f"{_OUTER[parts[0]]}.{parts[1]}", parts[0]
        if parts[0] == "blk" and parts[2] in _LAYER:
            return f"model.layers.{parts[1]}.{_LAYER[parts[2]]}.{parts[3]}", parts[2]
        if parts[0] == "rope_freqs":
            raise LocatorError(f"{self.path}: scaled rotary frequencies are not supported from GGUF yet.")
        raise LocatorError(f"{self.path}: unknown tensor {name!r}; this is not a plain Llama decoder.")


_EXACT = {"F32", "F16", "BF16"}


def convert(gguf: GGUF, folder: Path) -> None:
    """Write configuration, model.safetensors and the tokenizer's files into `folder`."""
    config = gguf.config()
    write_tokenizer(gguf.metadata, gguf.path, folder)
    # TensorSpec holds an address, not the array: `tensors` keeps the arrays alive until they are written.
    tensors = {name: to_bf16(values) for name, values in gguf.tensors()}
    specs = {
        name: TensorSpec(dtype="bfloat16", shape=bits.shape, data_ptr=bits.ctypes.data, data_len=bits.nbytes)
        for name, bits in tensors.items()
    }
    write_bytes(folder / "model.safetensors", bytes(serialize(specs, metadata={"format": "pt"})))
    write_json(folder / "config.json", config)
    ids = {key: config[key] for key in ("bos_token_id", "eos_token_id", "pad_token_id") if config[key] is not None}
    write_json(folder / "generation_config.json", ids)


def to_bf16(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """The bits of bfloat16, rounded to nearest, ties to even, as torch does."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def _unpermuted(values: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Rows of q and k from llama.cpp's order (pairs side by side) back to Hugging Face's (halves)."""
    half = values.shape[0] // heads // 2
    return values.reshape(heads, half, 2, -1).swapaxes(1, 2).reshape(values.shape)


def _rounded(value: float) -> float:
    """The shortest decimal that float32 stores as this value."""
    return float(str(np.float32(value)))
