"""What training leaves behind: the adapter in PEFT's format and the merged model, read back before they count."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from torch import Tensor

from danlu.artefact import read_json, write_json
from danlu.errors import Refusal, TemplateError
from danlu.hub import Resolved
from danlu.model import Decoder, PackedAttention, checkpoint, lora
from danlu.tokens import Renderer

_PROBE = 64  # tokens


@torch.no_grad()
def write(decoder: Decoder, base: Resolved, work: Path, template_sha256: str | None) -> str:
    """Write work/model, and work/adapter if there are adapters, anew; returns the hash of the model's weights.

    decoder: as trained; its adapters are merged. base: what training started from.
    Raises Refusal 13 unless what was written, read back, computes what was trained.
    """
    plain = checkpoint.load(base.folder, decoder.head_weight.dtype)
    ids = torch.arange(_PROBE) * 7 % decoder.config.vocab_size
    before, trained = _logits(plain, ids), _logits(decoder, ids)
    for part in ("adapter", "model"):  # a crash may have left half of them
        shutil.rmtree(work / part, ignore_errors=True)
    if any(lora.adapters(decoder)):
        name, _, revision = _source(base).removeprefix("hf:").partition("@")
        lora.save_peft(decoder, work / "adapter", name, revision or None)
        lora.load_peft(plain, work / "adapter")
        lora.check_kept(before, trained, _logits(plain, ids), work / "adapter")
        lora.merge(decoder)
    del plain
    checkpoint.save(decoder.bfloat16(), work / "model", base.folder)
    _describe(base, work / "model", template_sha256)
    _name_ends(work / "model")
    saved = checkpoint.load(work / "model", before.dtype)
    lora.check_kept(before, trained, _logits(saved, ids), work / "model")
    return checkpoint.weights_sha256(work / "model")


def _describe(base: Resolved, model: Path, template_sha256: str | None) -> None:
    """The model's danlu.json: where it comes from, and the template that it has to be used with (refusal 3)."""
    path = model / "danlu.json"
    inherited = read_json(path) if path.is_file() else {}
    facts = {
        **inherited,
        "schema": "danlu/base-1",
        "source": _source(base),
        "licence": base.licence,
        "sha256": base.sha256,
        "dequantised": base.dequantised,
        "template_sha256": template_sha256,
        "trained": True,
    }
    write_json(path, facts)


def _name_ends(model: Path) -> None:
    """Name the tokens that end a reply in generation_config.json: most programs read that, and not the template."""
    try:
        ends = set(Renderer.from_folder(model).stop_ids)
    except (TemplateError, Refusal):  # no chat template, or one without an end of turn: nothing to name
        return
    path = model / "generation_config.json"
    config = read_json(path) if path.is_file() else {}
    named = config.get("eos_token_id")
    known = set(named if isinstance(named, list) else [] if named is None else [named])
    if not ends <= known:
        write_json(path, {**config, "eos_token_id": sorted(ends | known)})


def _source(base: Resolved) -> str:
    """The base's locator; of a local one the last part alone, so that the artefact does not depend on the machine."""
    return base.source if base.source.startswith("hf:") else Path(base.source).name


def _logits(decoder: Decoder, ids: Tensor) -> Tensor:
    attend = PackedAttention([len(ids)])
    return decoder.logits(decoder.hidden(ids, attend.positions, attend))
