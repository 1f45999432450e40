"""A decoder on disk is a Hugging Face checkpoint, read and written tensor for tensor."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from danlu.artefact import hash_file, hash_value, read_json, replacing, storing
from danlu.errors import CheckpointError
from danlu.model.config import DecoderConfig
from danlu.model.decoder import Decoder

_OS_ERROR = re.compile(r"os error (\d+)")


def load(folder: Path, dtype: torch.dtype = torch.bfloat16) -> Decoder:
    """The decoder in a checkpoint's folder. Raises CheckpointError for tensors that do not fit."""
    config = DecoderConfig.from_hf(read_json(folder / "config.json"))
    with torch.device("meta"):
        decoder = Decoder(config)
    decoder.frequencies = config.rope.frequencies(config.head_width)
    expected = {name: tuple(value.shape) for name, value in decoder.state_dict().items()}
    state = {}
    for name, value in _tensors(folder):
        if name == "lm_head.weight" and config.tied:
            continue  # a second copy of the embedding, as some writers keep it
        if name not in expected:
            raise CheckpointError(f"{folder}: unknown tensor {name!r}; the checkpoint is not a {config.family}.")
        if tuple(value.shape) != expected[name]:
            raise CheckpointError(
                f"{folder}: {name} has shape {tuple(value.shape)}, but config.json makes it {expected[name]}."
            )
        state[name] = value.to(dtype)
    if missing := sorted(set(expected) - set(state)):
        raise CheckpointError(f"{folder}: {len(missing)} tensors are missing, the first is {missing[0]!r}.")
    decoder.load_state_dict(state, assign=True)
    return decoder.requires_grad_(False)


def save(decoder: Decoder, folder: Path, like: Path) -> None:
    """Write the decoder's weights, with all other files of the checkpoint `like` (tokenizer, template, …)."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(like.iterdir()):
        if path.is_file() and ".safetensors" not in path.name and not path.name.startswith("."):
            with storing(folder / path.name):
                shutil.copyfile(path, folder / path.name)
    state = {name: value.detach().contiguous() for name, value in decoder.state_dict().items()}
    write_tensors(folder / "model.safetensors", state)


def write_tensors(path: Path, state: dict[str, Tensor]) -> None:
    """Write a safetensors file atomically. Raises StorageError where the disk is full."""
    with replacing(path) as neighbour:
        try:
            save_file(state, neighbour, metadata={"format": "pt"})
        except SafetensorError as error:  # the library hides the OSError in its text
            if code := _OS_ERROR.search(str(error)):
                raise OSError(int(code[1]), str(error)) from error
            raise
        neighbour.chmod(0o644)  # the library leaves a file that nobody else may read, or serve


def weights_sha256(folder: Path) -> str:
    """One hash over all weight files of a checkpoint."""
    return hash_value([[path.name, hash_file(path)] for path in sorted(folder.glob("*.safetensors"))])


def _tensors(folder: Path) -> Iterator[tuple[str, Tensor]]:
    """Every tensor of every shard, one at a time."""
    shards = sorted(folder.glob("*.safetensors"))
    if not shards:
        raise CheckpointError(f"{folder}: no .safetensors file. Fetch the checkpoint again.")
    for shard in shards:
        try:
            with safe_open(shard, framework="pt") as tensors:
                for name in tensors.keys():  # noqa: SIM118  not a mapping
                    yield name, tensors.get_tensor(name)
        except SafetensorError as error:
            raise CheckpointError(f"{shard}: not a readable safetensors file ({error}).") from error
