"""A GGUF file becomes a Hugging Face folder: weights in bf16, tokenizer.json, configuration.

Sources: the GGUF specification (ggml), and llama.cpp's convert_hf_to_gguf.py, whose permutation of Llama's query
and key rows is undone here. Memory stays near the bf16 checkpoint plus one tensor in fp32.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFReader, dequantize
from numpy.typing import NDArray
from safetensors import TensorSpec, serialize_file

from danlu.artefact import replacing, write_json
from danlu.errors import LocatorError
from danlu.hub.gguf_tokenizer import write_tokenizer

_MATRICES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}
_QK_NORMS = {"attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm"}
_OUTER = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
_EXACT = {"F32", "F16", "BF16"}


@dataclass(frozen=True, slots=True)
class _Family:
    """What an architecture of llama.cpp is called by Hugging Face, and where its layers differ from Llama's."""

    model_type: str
    model_class: str
    permuted: bool = False  # llama.cpp rotates neighbouring rows here; Hugging Face rotates halves
    biased: tuple[str, ...] = ()
    qk_norm: bool = False

    def layer(self) -> dict[str, str]:
        """The tensors of one layer: GGUF name → Hugging Face name, both without the layer's prefix."""
        parts = _MATRICES | (_QK_NORMS if self.qk_norm else {})
        names = {f"{part}.weight": f"{name}.weight" for part, name in parts.items()}
        return names | {f"{part}.bias": f"{_MATRICES[part]}.bias" for part in self.biased}


_FAMILIES: Mapping[str, _Family] = {
    "llama": _Family("llama", "LlamaForCausalLM", permuted=True),
    "qwen2": _Family("qwen2", "Qwen2ForCausalLM", biased=("attn_q", "attn_k", "attn_v")),
    "qwen3": _Family("qwen3", "Qwen3ForCausalLM", qk_norm=True),
}


class GGUF:
    """A GGUF file, opened: `metadata` is read once, tensors are read as they are asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._reader = GGUFReader(path)
            self.metadata: dict[str, Any] = {
                key: field.contents() for key, field in self._reader.fields.items() if not key.startswith("GGUF.")
            }
        except (ValueError, OSError, IndexError, KeyError) as error:
            raise LocatorError(f"{path}: not a readable GGUF file ({error}). Fetch it again.") from error
        self._architecture = str(self.metadata.get("general.architecture"))
        if self._architecture not in _FAMILIES:
            raise LocatorError(
                f"{path}: GGUF architecture {self._architecture!r} cannot be converted, only "
                f"{', '.join(_FAMILIES)}. Use the Hugging Face checkpoint instead."
            )
        if self.metadata.get("split.count", 1) > 1:
            raise LocatorError(f"{path}: one part of a split GGUF; join the parts (gguf-split --merge) first.")
        self._family = _FAMILIES[self._architecture]
        self._shapes = {t.name: tuple(int(n) for n in reversed(t.shape)) for t in self._reader.tensors}

    @property
    def quantisation(self) -> str | None:
        """The commonest quantised type of the weights ("Q4_1"), or None when nothing is quantised."""
        kinds = [t.tensor_type.name for t in self._reader.tensors if t.tensor_type.name not in _EXACT]
        return max(sorted(set(kinds)), key=kinds.count) if kinds else None

    def tensors(self) -> Iterator[tuple[str, NDArray[np.float32]]]:
        """(Hugging Face name, fp32 values) for every weight. Raises LocatorError unless all are there."""
        names = self._names()
        for tensor in self._reader.tensors:
            try:
                values = dequantize(tensor.data, tensor.tensor_type)
            except NotImplementedError as error:
                kind = tensor.tensor_type.name
                raise LocatorError(f"{self.path}: tensor type {kind} of {tensor.name} is not supported.") from error
            values = values.reshape(self._shapes[tensor.name])
            part = tensor.name.split(".")[-2]
            if self._family.permuted and part in {"attn_q", "attn_k"}:
                values = _unpermuted(values, self._heads() if part == "attn_q" else self._kv_heads())
            yield names[tensor.name], values

    def config(self) -> dict[str, Any]:
        """The Hugging Face config.json. Raises LocatorError for a shape that is unknown or unsupported."""
        width, heads = self._value("embedding_length"), self._heads()
        head_dim = self._value("attention.key_length", width // heads)
        rotated = self._value("rope.dimension_count", head_dim)
        if rotated != head_dim:
            raise LocatorError(f"{self.path}: rotates {rotated} of {head_dim} values a head, which is not supported.")
        return {
            "architectures": [self._family.model_class],
            "model_type": self._family.model_type,
            "hidden_size": width,
            "intermediate_size": self._value("feed_forward_length"),
            "num_hidden_layers": self._value("block_count"),
            "num_attention_heads": heads,
            "num_key_value_heads": self._kv_heads(),
            "head_dim": head_dim,
            "hidden_act": "silu",
            # stored as float32: 9.999999747378752e-06 was written as 1e-5
            "rms_norm_eps": _rounded(self._value("attention.layer_norm_rms_epsilon")),
            "rope_theta": _rounded(self._value("rope.freq_base", 10_000.0)),
            **self._rope_scaling(),
            "max_position_embeddings": self._value("context_length"),
            "vocab_size": self._vocab_size(),
            "tie_word_embeddings": "output.weight" not in self._shapes,
            "attention_bias": False,
            "mlp_bias": False,
            "bos_token_id": self.metadata.get("tokenizer.ggml.bos_token_id"),
            "eos_token_id": self.metadata.get("tokenizer.ggml.eos_token_id"),
            "pad_token_id": self.metadata.get("tokenizer.ggml.padding_token_id"),
            "dtype": "bfloat16",
        }

    def _names(self) -> dict[str, str]:
        """GGUF name → Hugging Face name of every tensor that the model has."""
        layer = self._family.layer()
        names = {f"{part}.weight": f"{name}.weight" for part, name in _OUTER.items()}
        for index in range(self._value("block_count")):
            names |= {f"blk.{index}.{k}": f"model.layers.{index}.{v}" for k, v in layer.items()}
        if "rope_freqs.weight" in self._shapes:
            raise LocatorError(f"{self.path}: scaled rotary frequencies are not supported from GGUF yet.")
        if strange := sorted(set(self._shapes) - set(names)):
            raise LocatorError(
                f"{self.path}: unknown tensor {strange[0]!r}; this is not a plain {self._architecture} decoder."
            )
        if missing := sorted(set(names) - set(self._shapes) - {"output.weight"}):
            raise LocatorError(f"{self.path}: the tensor {missing[0]!r} is missing. Fetch the file again.")
        return names

    def _value(self, key: str, default: Any = None) -> Any:
        value = self.metadata.get(f"{self._architecture}.{key}", default)
        if value is None:
            raise LocatorError(f"{self.path}: the GGUF has no {self._architecture}.{key}, so its shape is unknown.")
        return value

    def _heads(self) -> int:
        return int(self._value("attention.head_count"))

    def _kv_heads(self) -> int:
        return int(self._value("attention.head_count_kv", self._heads()))

    def _vocab_size(self) -> int:
        tokens, rows = len(self.metadata.get("tokenizer.ggml.tokens", ())), self._shapes["token_embd.weight"][0]
        if tokens > rows:
            raise LocatorError(f"{self.path}: {tokens} tokens but only {rows} rows of embeddings.")
        return rows

    def _rope_scaling(self) -> dict[str, Any]:
        kind = self._value("rope.scaling.type", "none")
        factor = self._value("rope.scaling.factor", self._value("rope.scale_linear", 1.0))
        if kind not in {"none", "linear"}:
            raise LocatorError(f"{self.path}: rotary scaling {kind!r} is not supported from GGUF yet.")
        if kind == "none" or factor in {0.0, 1.0}:
            return {}
        return {"rope_scaling": {"rope_type": "linear", "factor": _rounded(factor)}}


def convert(gguf: GGUF, folder: Path) -> None:
    """Write configuration, model.safetensors and the tokenizer's files into `folder`."""
    write_tokenizer(gguf.metadata, gguf.path, folder)
    # TensorSpec holds an address, not the array: `tensors` keeps the arrays alive until they are written.
    tensors = {name: to_bf16(values) for name, values in gguf.tensors()}
    config = gguf.config()
    specs = {
        name: TensorSpec(dtype="bfloat16", shape=bits.shape, data_ptr=bits.ctypes.data, data_len=bits.nbytes)
        for name, bits in tensors.items()
    }
    with replacing(folder / "model.safetensors") as path:
        serialize_file(specs, path, metadata={"format": "pt"})
    write_json(folder / "config.json", config)
    write_json(folder / "generation_config.json", _generation(gguf.metadata, config))


def to_bf16(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """The bits of bfloat16, rounded to nearest, ties to even, as torch does; NaN stays NaN."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    rounded = ((bits + np.uint32(0x7FFF) + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    if np.isnan(values).any():  # rounding would carry a NaN's bits into the sign
        rounded[np.isnan(values)] = 0x7FC0
    return rounded


def _generation(metadata: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """generation_config.json: every id that ends a turn ends a reply."""
    keys = ("eos_token_id", "eot_token_id", "eom_token_id")
    ends = list(dict.fromkeys(v for key in keys if (v := metadata.get(f"tokenizer.ggml.{key}")) is not None))
    ids = {"bos_token_id": config["bos_token_id"], "pad_token_id": config["pad_token_id"]}
    found = {key: value for key, value in ids.items() if value is not None}
    return found | ({"eos_token_id": ends[0] if len(ends) == 1 else ends} if ends else {})


def _unpermuted(values: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Rows of q and k from llama.cpp's order (pairs side by side) back to Hugging Face's (halves)."""
    half = values.shape[0] // heads // 2
    return values.reshape(heads, half, 2, -1).swapaxes(1, 2).reshape(values.shape)


def _rounded(value: float) -> float:
    """The shortest decimal that float32 stores as this value."""
    return float(str(np.float32(value)))
