"""Adapters and packing: what a model was trained to compute, and what is computed afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from unittest import mock

from silent import judge, material, ours
from silent.case import Case, Finding, Run

QUERY = "model.layers.0.self_attn.q_proj"
EMBEDDING = "model.embed_tokens.weight"


def _plain_fixture(folder: Path) -> None:
    material.fixture(folder, material.sums(12), lr=1e-2)


def _danlu_kept(folder: Path) -> Finding:
    """By hand from the saved adapter: the merged weight must be the base's plus (alpha / r) B A."""
    ours.train(folder)
    adapter, model = folder / "train" / "adapter", folder / "train" / "model"
    parts, before, after = judge.weights(adapter), judge.weights(folder / "base"), judge.weights(model)
    config = json.loads((adapter / "adapter_config.json").read_text())
    a, b = (parts[f"base_model.model.{QUERY}.lora_{letter}.weight"] for letter in "AB")
    update = config["lora_alpha"] / config["r"] * (b @ a)
    away = (after[f"{QUERY}.weight"] - before[f"{QUERY}.weight"] - update).abs().max()
    size = update.abs().max()
    return ours.proven(
        bool(size > 0.01 and away < 0.1 * size),
        f"the merged weight is base + (α/r)BA to {float(away):.0e}, of an update of {float(size):.0e}; both read again",
        f"the merged weight is {float(away):.2g} away, the update is {float(size):.2g}",
    )


def _peer_kept(run: Run) -> Finding:
    if found := judge.missing(run, "model"):
        return found
    assert run.model is not None
    before, after = judge.weights(judge.base()), judge.weights(run.model)
    if f"{QUERY}.weight" not in after:
        return Finding("missed", f"the saved model has no {QUERY}.weight")
    size = float((after[f"{QUERY}.weight"] - before[f"{QUERY}.weight"]).abs().max())
    return ours.proven(size > 1e-3, f"the saved model's query weights moved by up to {size:.0e}", "the base was saved")


def _danlu_lost(folder: Path) -> Finding:
    """A merge that forgets: adapters are dropped instead of folded in."""
    from danlu.model import lora

    def forget(decoder):
        for name, adapter in list(lora.adapters(decoder)):
            parent, _, own = name.rpartition(".")
            setattr(decoder.get_submodule(parent), own, adapter.base)

    with mock.patch.object(lora, "merge", forget):
        finding = ours.refused(lambda: ours.train(folder), 13)
    return ours.either(finding, Finding("missed", "the base was saved as the trained model"))


def _targets_fixture(folder: Path) -> None:
    targets = ["q_proj", "dense_h_to_4h"]
    material.fixture(folder, lora={"r": 4, "alpha": 8, "targets": targets, "modules_to_save": []}, lr=1e-2)


def _danlu_targets(folder: Path) -> Finding:
    wanted = ours.settings(folder)["lora"]["targets"]
    return ours.either(
        ours.refused(lambda: ours.train(folder, training={"adapter": {"targets": wanted}}), says="targets"),
        Finding("missed", "trained on, with one of two targets"),
    )


def _peer_targets(run: Run) -> Finding:
    if found := judge.missing(run, "losses"):
        return found
    if text := judge.told(run, "dense_h_to_4h", "target module"):
        return Finding("warned", text)
    return Finding("missed", "trained q_proj alone; of dense_h_to_4h, which the base does not have, no word")


def _tied_fixture(folder: Path) -> None:
    lora = {"r": 4, "alpha": 8, "targets": list(material.ALL_LINEAR), "modules_to_save": ["embed_tokens"]}
    material.fixture(folder, lora=lora, lr=1e-2, epochs=3)


def _danlu_tied(folder: Path) -> Finding:
    asked = {"modules_to_save": ours.settings(folder)["lora"]["modules_to_save"]}
    return ours.either(
        ours.refused(lambda: ours.train(folder, training={"adapter": asked}), 12),
        Finding("missed", "went on without training the embedding"),
    )


def _peer_tied(run: Run) -> Finding:
    """With tied weights there must be one matrix, trained; or two, and a config.json that says so."""
    if found := judge.missing(run, "model"):
        return found
    assert run.model is not None
    after = judge.weights(run.model)
    tied = json.loads((run.model / "config.json").read_text()).get("tie_word_embeddings", True)
    moved = float((after[EMBEDDING] - judge.weights(judge.base())[EMBEDDING]).abs().max())
    head = after.get("lm_head.weight")
    apart = head is not None and bool((head - after[EMBEDDING]).abs().max() > 1e-3)
    said = (
        f"embedding moved by {moved:.0e}, {'its own head' if apart else 'no other head'}, tied in config.json: {tied}"
    )
    if moved == 0 or (apart and tied):
        return Finding("missed", said)
    if text := judge.told(run, "tied", "tie_word"):
        return Finding("warned", text)
    return Finding("handled", said)


# Packing.


def _packed_fixture(folder: Path) -> None:
    material.fixture(folder, material.sums(12), packing=True, batch_size=1, lr=1e-2)


def _danlu_leak(folder: Path) -> Finding:
    """Every document computes the same in its pack as alone; a kernel that looks back further is refused."""
    import torch

    from danlu.model import Decoder, load
    from danlu.training.checks import check_packing

    shards = ours.build(folder)
    check_packing(load(folder / "base", torch.float32), shards)
    honest = Decoder.hidden

    def leaking(self, ids, *arguments, **options):
        hidden = honest(self, ids, *arguments, **options)
        return hidden + 0.1 * hidden.cumsum(0)  # whatever stands before, of whichever document

    with mock.patch.object(Decoder, "hidden", leaking):
        finding = ours.refused(lambda: ours.train(folder), 8)
    packed = sum(len(shards.pack(number)) > 1 for number in range(len(shards)))
    if finding is None or not packed:
        return Finding("missed", "a kernel that leaks was trained with")
    said = f"{packed} packs, each document as alone; and of a kernel that leaks: {finding.said}"
    return Finding("refused", said, 8)


def _peer_leak(run: Run) -> Finding:
    if found := judge.missing(run):
        return found
    if run.leak is None:
        return Finding("not run here", "no packed row was watched")
    if run.leak > 1e-5 and (text := judge.told(run, "packing", "contaminat")):
        return Finding("warned", text)
    return ours.proven(
        run.leak <= 1e-5,
        f"the last hidden state moves by {run.leak:.1g}",
        f"a first document that changes moves the last one's hidden state by {run.leak:.2g}",
    )


MODEL = frozenset({"model"})
CASES = (
    Case(
        "adapter-not-in-the-saved-model",
        "Training ends well, and what is saved for use is the base.",
        "Saved weights against the base's, and against base + (α/r)BA.",
        13,
        "https://github.com/tloen/alpaca-lora/issues/446",
        _plain_fixture,
        _danlu_kept,
        _peer_kept,
        MODEL,
    ),
    Case(
        "merge-that-forgets",
        "Adapters are stripped instead of merged.",
        "The merged model's logits are the base's.",
        13,
        "https://github.com/PrimeIntellect-ai/prime-rl/issues/1707",
        _plain_fixture,
        _danlu_lost,
        "a fault put into danlu's own merge; a peer's is judged by what it saves (adapter-not-in-the-saved-model)",
    ),
    Case(
        "lora-target-that-is-not-there",
        "One of the named projections does not exist in this family; the others are trained, and no word is said.",
        "Fewer adapters than targets.",
        None,
        "https://github.com/huggingface/peft/issues/1959",
        _targets_fixture,
        _danlu_targets,
        _peer_targets,
        frozenset({"losses"}),
    ),
    Case(
        "tied-embedding-lost-at-merge",
        "An embedding trained beside a LoRA stands apart from the tied head, and one of the two is lost when saved.",
        "Two matrices under a config.json that says one, or an embedding that did not move.",
        12,
        "https://github.com/huggingface/transformers/issues/45127",
        _tied_fixture,
        _danlu_tied,
        _peer_tied,
        MODEL,
    ),
    Case(
        "packing-that-leaks",
        "Documents packed into one row attend to the ones before them.",
        "Change the first document: nothing behind it may move.",
        8,
        "https://github.com/huggingface/trl/issues/3067",
        _packed_fixture,
        _danlu_leak,
        _peer_leak,
        frozenset({"leak"}),
    ),
)
