"""The loop's guarantees: one gradient for any split, one result for any interruption, nothing trained in silence."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy
from training_material import config, documents, train

from danlu.errors import DanluError, Refusal
from danlu.model import PackedAttention, load, lora
from danlu.recipe import Schedule
from danlu.tokens import Document, Shards, write_shards
from danlu.training import checks, loop
from danlu.training.batches import MicroBatch, micro_batches, plan
from danlu.training.gradient import gradient
from danlu.training.objective.language import summed_loss
from danlu.training.schedule import factor


def adapted(base):
    decoder = load(base, torch.float32)
    lora.attach(decoder, rank=2, alpha=4.0, targets="all-linear", seed=0)
    for _, adapter in lora.adapters(decoder):
        torch.nn.init.normal_(adapter.lora_B, std=0.2, generator=torch.Generator().manual_seed(1))
    return decoder


def gradients(decoder, batch):
    decoder.zero_grad()
    loss = gradient(decoder, batch)
    return loss, [p.grad.clone() for p in decoder.parameters() if p.requires_grad]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 9), max_size=4, unique=True))
def test_any_split_into_micro_batches_gives_the_same_gradient(tiny_base, borders):
    made, decoder = list(documents(10)), adapted(tiny_base)
    cuts = [0, *sorted(borders), 10]
    loss, whole = gradients(decoder, [MicroBatch.of(made)])
    again, split = gradients(decoder, [MicroBatch.of(made[a:b]) for a, b in pairwise(cuts)])
    assert loss == pytest.approx(again, rel=1e-5)
    for one, other in zip(whole, split, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_the_chunked_loss_is_cross_entropy_in_value_and_gradient(monkeypatch):
    monkeypatch.setattr("danlu.training.objective.language.CHUNK", 4)
    draw = torch.Generator().manual_seed(0)
    hidden, head = (torch.randn(n, 8, generator=draw).requires_grad_() for n in (11, 31))
    targets = torch.randint(0, 31, (11,), generator=draw)
    ours = torch.autograd.grad(summed_loss(hidden, head, targets) / 3, (hidden, head))
    reference = torch.autograd.grad(cross_entropy(hidden @ head.T, targets, reduction="sum") / 3, (hidden, head))
    for one, other in zip(ours, reference, strict=True):
        torch.testing.assert_close(one, other)


def test_the_loss_is_that_of_transformers(tiny_base):
    import transformers

    reference = transformers.AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32)
    document = next(documents(1))
    ids = torch.from_numpy(document.ids).long()[None]
    labels = torch.where(torch.from_numpy(document.mask), ids, -100)
    decoder = load(tiny_base, torch.float32)
    lora.attach(decoder, 2, 4.0, "attention", 0)
    loss = gradient(decoder, [MicroBatch.of([document])])
    assert loss == pytest.approx(reference(ids, labels=labels).loss.item(), rel=1e-5)


class Killed(Exception):
    """Stands for a process that ends at any moment."""


@pytest.mark.parametrize("kind", ["cosine", "linear", "wsd", "constant"])
@pytest.mark.parametrize("killed_after", [1, 2, 5])
def test_a_killed_run_continues_bit_for_bit(tiny_base, data, tmp_path, kind, killed_after):
    recipe = config(schedule=Schedule(kind=kind))
    whole = train(recipe, tiny_base, data, tmp_path / "whole")

    def kill(event, facts):
        if event == "step" and facts["step"] == killed_after:
            raise Killed

    with pytest.raises(Killed):
        train(recipe, tiny_base, data, tmp_path / "cut", emit=kill)
    with (tmp_path / "cut" / "trajectory.jsonl").open("a") as handle:
        handle.write('{"step": 9')  # a line cut by the crash
    resumed = train(recipe, tiny_base, data, tmp_path / "cut")
    assert len(whole.trajectory) > 5
    assert resumed.trajectory == whole.trajectory
    for one, other in zip(resumed.decoder.parameters(), whole.decoder.parameters(), strict=True):
        assert torch.equal(one, other)


def test_training_lowers_the_loss_and_leaves_the_base_alone(tiny_base, data, tmp_path):
    done = train(config(epochs=12), tiny_base, data, tmp_path)
    losses = [row["loss"] for row in done.trajectory]
    assert np.mean(losses[-4:]) < np.mean(losses[:4]) - 0.1
    base = load(tiny_base, torch.float32).state_dict()
    for name, value in done.decoder.state_dict().items():
        if "lora" not in name:
            assert torch.equal(value, base[name.replace(".base.", ".")]), name


def test_a_resume_with_other_settings_is_refused_unless_accepted(tiny_base, data, tmp_path):
    train(config(), tiny_base, data, tmp_path)
    with pytest.raises(Refusal, match="step 13 was reached with another recipe") as caught:
        train(config(seed=1), tiny_base, data, tmp_path)
    assert caught.value.number == 9
    train(config(seed=1), tiny_base, data, tmp_path, reasons={9: "only the seed"})


def test_a_document_without_a_supervised_token_is_refused(tiny_base, tmp_path):
    silent = Document(np.arange(5, dtype=np.int32), np.array([True, False, False, False, False]), "mine", "mine:7")
    write_shards(tmp_path / "data", [[silent]], {})
    with pytest.raises(Refusal, match=r"mine:7.*no supervised token") as caught:
        train(config(), tiny_base, tmp_path / "data", tmp_path)
    assert caught.value.number == 1


def test_packing_that_leaks_is_refused(tiny_base, data, monkeypatch):
    class Leaking(PackedAttention):
        def __init__(self, lengths):
            positions = PackedAttention(lengths).positions
            super().__init__([sum(lengths)])
            self.positions = positions

    decoder = load(tiny_base)
    checks.check_packing(decoder, Shards(data))
    monkeypatch.setattr(checks, "PackedAttention", Leaking)
    with pytest.raises(Refusal, match="packing leaks") as caught:
        checks.check_packing(decoder, Shards(data))
    assert caught.value.number == 8


def test_a_step_without_supervised_tokens_is_refused(tiny_base):
    silent = Document(np.arange(3, 8, dtype=np.int32), np.zeros(5, bool), "made", "made:0")
    with pytest.raises(Refusal) as caught:
        gradient(load(tiny_base), [MicroBatch.of([silent])])
    assert caught.value.number == 7


def test_a_loss_that_is_not_a_number_stops_the_run(tiny_base, data, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "gradient", lambda *_, **__: float("nan"))
    with pytest.raises(DanluError, match=r"step 1: the loss is nan .* Lower optimizer\.lr"):
        train(config(), tiny_base, data, tmp_path)


def test_every_pack_is_trained_once_an_epoch_within_the_batch(data):
    shards = Shards(data)
    steps = plan(shards, epochs=2, batch_tokens=70, max_tokens=None, seed=3).steps
    assert sorted(p for step in steps for p in step) == sorted(list(range(8)) * 2)
    for step in steps:
        assert len(step) == 1 or sum(len(m.ids) for m in micro_batches(shards, step, None)) <= 70
    assert plan(shards, epochs=2, batch_tokens=70, max_tokens=None, seed=4).steps != steps
    short = plan(shards, epochs=2, batch_tokens=70, max_tokens=90, seed=3).steps
    assert sum(len(m.ids) for step in short for m in micro_batches(shards, step, None)) <= 90


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Schedule(kind="constant", warmup=0.2), [0.5, 1, 1, 1, 1, 1, 1, 1, 1, 1]),
        (Schedule(kind="linear", warmup=0, final=0.1), [1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]),
        (Schedule(kind="cosine", warmup=0.1, final=0), [1, *[(1 + np.cos(np.pi * i / 8)) / 2 for i in range(9)]]),
        (Schedule(kind="wsd", warmup=0, final=0, decay=1 / 3), [1] * 7 + [2 / 3, 1 / 3, 0]),
    ],
)
def test_schedules_have_their_exact_values(schedule, expected):
    assert [factor(schedule, step, 10) for step in range(10)] == pytest.approx(expected)
