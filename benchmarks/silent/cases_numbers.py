"""Learning rates and numbers: steps that change nothing, or too much."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

from silent import judge, material, ours
from silent.case import Case, Finding, Run
from silent.cases_training import LOSSES, MODEL
from silent.peers import PEERS

# Learning rates.


def _warmup_fixture(folder: Path) -> None:
    material.fixture(
        folder, material.sums(32), batch_size=1, gradient_accumulation=4, warmup=0.5, schedule="linear", lr=1e-3
    )


def _danlu_warmup(folder: Path) -> Finding:
    rates = [step["lr"] for step in ours.train(folder, "data.max_length=100", "training.batch_tokens=400")]
    top = rates.index(max(rates)) + 1
    right = abs(max(rates) - 1e-3) < 1e-12 and top == round(0.5 * len(rates))
    return ours.proven(
        right,
        f"{len(rates)} steps, the peak of 1e-3 at step {top}, then down to {rates[-1]:.0e}",
        f"the peak {max(rates):.1e} comes at step {top} of {len(rates)}",
    )


def _peer_warmup(run: Run) -> Finding:
    if found := judge.missing(run, "learning_rates"):
        return found
    rates = run.learning_rates
    top = rates.index(max(rates)) + 1
    said = f"{len(rates)} steps, peak {max(rates):.1e} at step {top}, last {rates[-1]:.1e}"
    return ours.proven(max(rates) > 0.9e-3 and abs(top - len(rates) / 2) <= 1, said, said)


def _shape_fixture(folder: Path) -> None:
    material.fixture(folder, material.sums(32), batch_size=1, gradient_accumulation=4, schedule="linear", lr=1e-3)


def _danlu_shape(folder: Path) -> Finding:
    few = ours.train(folder, "data.max_length=100", "training.batch_tokens=400", out="few")
    many = ours.train(
        folder, "data.max_length=100", "training.batch_tokens=400", "training.micro_batch_tokens=400", out="many"
    )
    same = [step["lr"] for step in few] == [step["lr"] for step in many]
    return ours.proven(
        same and abs(few[-1]["lr"] - 1e-4) < 1e-9,
        f"{len(few)} rates, the same for one micro-batch a step or several; the last is the schedule's last",
        "the number of micro-batches moves the schedule",
    )


def _peer_shape(run: Run) -> Finding:
    if found := judge.missing(run, "learning_rates"):
        return found
    rates = run.learning_rates
    falls = [a - b for a, b in pairwise(rates)]
    said = f"{len(rates)} rates from {rates[0]:.1e} to {rates[-1]:.1e}"
    return ours.proven(len(rates) == 8 and min(falls) > 0 and max(falls) < 1.5e-3 / 8, said, said)


def _first_fixture(folder: Path) -> None:
    material.fixture(folder, material.sums(16), batch_size=2, warmup=0.25, schedule="linear", lr=1e-3)


def _danlu_first(folder: Path) -> Finding:
    rates = [step["lr"] for step in ours.train(folder, "data.max_length=100", "training.batch_tokens=200")]
    said = f"rates {', '.join(f'{rate:.1e}' for rate in rates[:3])}, …"
    return ours.proven(min(rates) > 0, said, said)


def _peer_first(run: Run) -> Finding:
    if found := judge.missing(run, "learning_rates"):
        return found
    said = f"rates {', '.join(f'{rate:.1e}' for rate in run.learning_rates[:3])}, …"
    return ours.proven(min(run.learning_rates) > 0, said, f"step 1 trains on a batch and changes nothing: {said}")


# Numbers.


def _rounding_fixture(folder: Path) -> None:
    material.fixture(
        folder, material.sums(4), batch_size=4, epochs=30, lr=1e-5, precision="bf16", lora=None, packing=False
    )


def _danlu_rounding(folder: Path) -> Finding:
    ours.train(folder, "data.max_length=100", "training.batch_tokens=400")
    return _rounded(folder / "base", folder / "train" / "model")


def _peer_rounding(run: Run) -> Finding:
    if found := judge.missing(run, "model"):
        return found
    assert run.model is not None
    return _rounded(judge.base(), run.model)


def _rounded(before: Path, after: Path) -> Finding:
    """Thirty steps of 1e-5 are 3e-4; a bf16 number of 0.06 to 0.12 has neighbours 2.4e-4 or 4.9e-4 away."""
    old, new = judge.weights(before), judge.weights(after)
    name = "model.layers.0.self_attn.v_proj.weight"
    large = (old[name].abs() > 0.0625) & (old[name].abs() < 0.125)
    share = float((new[name] != old[name])[large].float().mean())
    said = f"{share:.0%} of the larger weights of a projection moved in 30 steps of 1e-5"
    return ours.proven(share > 0.2, said, said)


def _nan_fixture(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    rows = material.sums(15)
    rows.insert(9, material.dialogue("Add ~ and 2, please?", "That is ~ and 2."))
    material.fixture(folder, rows, batch_size=2, lr=1e-3)
    path = folder / "base" / "model.safetensors"
    tensors = load_file(path)
    tensors["model.embed_tokens.weight"][len(material.SPECIALS) + _byte("~")] = float("nan")
    save_file(tensors, path, metadata={"format": "pt"})


def _byte(character: str) -> int:
    from tokenizers import pre_tokenizers

    return sorted(pre_tokenizers.ByteLevel.alphabet()).index(character)


def _danlu_nan(folder: Path) -> Finding:
    finding = ours.refused(lambda: ours.train(folder, "data.max_length=100", "training.batch_tokens=200"), says="nan")
    saved = (folder / "train" / "model").exists()
    return ours.either(None if saved else finding, Finding("missed", "a model that computes nan was saved"))


def _peer_nan(run: Run) -> Finding:
    if found := judge.missing(run, "losses"):
        return found
    broken = [loss for loss in run.losses if math.isnan(loss) or loss == 0.0]
    if text := judge.told(run, "nan", "finite"):
        return Finding("warned", text)
    shown = ", ".join(f"{loss:.2f}" for loss in run.losses)
    return Finding("missed", f"went on to the end; losses {shown} ({len(broken)} of them nan or zero)")


def _decay_fixture(folder: Path) -> None:
    asked = {peer: {"weight_decay": 5.0} for peer in PEERS}
    material.fixture(folder, material.sums(12), batch_size=2, lr=1e-2, weight_decay=5.0, lora=None, extra=asked)


def _danlu_decay(folder: Path) -> Finding:
    ours.train(folder, "data.max_length=100", "training.batch_tokens=200")
    return _decayed(folder / "base", folder / "train" / "model")


def _peer_decay(run: Run) -> Finding:
    if found := judge.missing(run, "model"):
        return found
    assert run.model is not None
    return _decayed(judge.base(), run.model)


def _decayed(before: Path, after: Path) -> Finding:
    old, new = judge.weights(before), judge.weights(after)
    norm, matrix = "model.layers.0.input_layernorm.weight", "model.layers.0.mlp.up_proj.weight"
    kept = {name: float(new[name].abs().mean() / old[name].abs().mean()) for name in (norm, matrix)}
    said = f"after 6 steps that decay by 5% each: norms {kept[norm]:.2f} of what they were, matrices {kept[matrix]:.2f}"
    return ours.proven(kept[norm] > 0.9 > kept[matrix] + 0.02, said, said)


CASES = (
    Case(
        "warmup-miscounted",
        "The warm-up is counted in micro-batches or processes, so the peak comes at another step, or never.",
        "The learning rate's peak is not where the recipe puts it.",
        None,
        "https://github.com/huggingface/accelerate/issues/662",
        _warmup_fixture,
        _danlu_warmup,
        _peer_warmup,
        **LOSSES,
    ),
    Case(
        "schedule-steps-per-micro-batch",
        "The schedule moves at each micro-batch and is over after a part of the run.",
        "Rates fall several times faster than the steps.",
        None,
        "https://github.com/huggingface/accelerate/issues/963",
        _shape_fixture,
        _danlu_shape,
        _peer_shape,
        **LOSSES,
    ),
    Case(
        "warmup-from-zero",
        "The first step has a learning rate of zero: a batch is read, paid for and not learned from.",
        "A rate of zero in the log.",
        None,
        "https://github.com/huggingface/transformers/issues/34754",
        _first_fixture,
        _danlu_first,
        _peer_first,
        **LOSSES,
    ),
    Case(
        "bf16-updates-round-to-zero",
        "Weights kept in bf16 cannot hold a small update: it rounds to nothing at every step.",
        "Weights that have not moved after many steps.",
        None,
        "https://github.com/pytorch/ao/pull/1124",
        _rounding_fixture,
        _danlu_rounding,
        _peer_rounding,
        **MODEL,
    ),
    Case(
        "nan-goes-on",
        "A loss becomes nan, the log shows an average in its place, and a broken model is saved.",
        "nan in the loss or in the saved weights.",
        None,
        "https://github.com/huggingface/trl/issues/6702",
        _nan_fixture,
        _danlu_nan,
        _peer_nan,
        **LOSSES,
    ),
    Case(
        "weight-decay-on-norms",
        "Weight decay pulls the gains of norms to zero.",
        "Norms shrink as matrices do.",
        None,
        "https://github.com/huggingface/transformers/pull/35927",
        _decay_fixture,
        _danlu_decay,
        _peer_decay,
        **MODEL,
    ),
)
