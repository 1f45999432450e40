"""What would fail late fails before step 1, and the rehearsal leaves no trace in the weights."""

import os
import resource

import pytest
import torch
from training_material import config, documents, train

from danlu.errors import Refusal, StorageError
from danlu.model import load, lora
from danlu.recipe import FullWeights, Lora
from danlu.tokens import Shards, write_shards
from danlu.training import memory, rehearsal, worker
from danlu.training.loop import _adamw
from danlu.training.parallel import Ranks
from danlu.training.snapshot import Snapshot
from danlu.training.worker import Worker

GIB = 2**30


def go_through(recipe, base, folder, count=9):
    packs = folder / "packs"
    write_shards(packs, [list(documents(count))], {})
    trainee = Worker.ready(recipe, base, Shards(packs))
    decoder, masters = trainee.decoder, trainee.masters
    before = {name: p.detach().clone() for name, p in decoder.named_parameters()}
    kept = {name: p.detach().clone() for name, p in masters.items()}
    draw = torch.get_rng_state()

    def save(optimizer):
        path = folder / "rehearsal.pt"
        Snapshot(0, {}, kept, optimizer.state_dict(), [], {}).write(path)
        return path

    alone = Ranks(1, recipe, base, packs)
    done = rehearsal.rehearse(alone, trainee, (0,), new_optimizer=lambda: _adamw(recipe, masters), save=save)
    assert torch.equal(torch.get_rng_state(), draw)
    assert all(p.grad is None for p in (*decoder.parameters(), *masters.values()))
    for name, value in decoder.named_parameters():
        assert torch.equal(value.view(torch.uint8), before[name].view(torch.uint8)), name
    for name, value in masters.items():
        assert torch.equal(value.view(torch.uint8), kept[name].view(torch.uint8)), name
    assert list(folder.iterdir()) == [packs]
    return done


@pytest.mark.parametrize("adapter", [Lora(), FullWeights()])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_rehearsal_changes_no_bit(tiny_base, tmp_path, adapter, precision):
    done = go_through(config(adapter=adapter, precision=precision), tiny_base, tmp_path)
    assert done.peak_memory_bytes > 0
    assert done.predicted_memory_bytes > 0


def test_what_is_predicted_not_to_fit_is_refused_before_it_is_tried(tiny_base, data, tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda: 1000)
    monkeypatch.setattr(worker, "gradient", lambda *_, **__: pytest.fail("tried"))
    with pytest.raises(Refusal, match=r"predicted to take .* GiB, and there are .*training\.recompute: true") as caught:
        train(config(), tiny_base, data, tmp_path)
    assert caught.value.number == 10


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")]
)
def test_memory_that_runs_out_in_the_rehearsal_is_a_refusal(tiny_base, data, tmp_path, monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(worker, "gradient", fail)
    with pytest.raises(Refusal, match=r"a step took more than .* or set training\.adapter\.kind: lora") as caught:
        train(config(adapter=FullWeights(), micro_batch_tokens=50), tiny_base, data, tmp_path)
    assert caught.value.number == 10
    assert "lower training.micro_batch_tokens" in str(caught.value)


def test_another_error_in_the_rehearsal_stays_what_it_is(tiny_base, data, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(worker, "gradient", fail)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        train(config(), tiny_base, data, tmp_path)


def test_a_disk_too_small_for_what_will_be_written_is_named_before_step_1(tiny_base, data, tmp_path, monkeypatch):
    usage = rehearsal.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(rehearsal.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(StorageError, match=r"training will write up to .*Free some space"):
        train(config(), tiny_base, data, tmp_path)


def test_a_disk_that_fills_up_is_one_sentence(tiny_base, data, tmp_path):
    """A limit on file size fails a write as a full disk does; the process survives, its files stay whole."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, before[1]))
    try:
        with pytest.raises(StorageError, match="the disk is full"):
            train(config(), tiny_base, data, tmp_path)
        with pytest.raises(StorageError, match="the disk is full"):
            lora_saved(tiny_base, tmp_path / "adapter")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not [name for _, _, names in os.walk(tmp_path) for name in names if name.endswith((".tmp", ".pt"))]


def lora_saved(base, folder):
    decoder = load(base)
    lora.attach(decoder, 8, 4.0, "all-linear", 0)
    lora.save_peft(decoder, folder, "tiny")


def test_peak_memory_sees_what_was_freed_again():
    before = memory.used_bytes()
    with memory.PeakMemory() as peak:
        torch.ones(GIB // 16).add_(1)  # four bytes each
    assert peak.bytes - before > GIB // 8
    assert memory.available_bytes() > 0


def test_a_container_with_less_memory_than_the_machine_is_seen(tmp_path, monkeypatch):
    (tmp_path / "limit").write_text("5000\n")
    (tmp_path / "used").write_text("3000\n")
    (tmp_path / "memory.stat").write_text("anon 1000\ninactive_file 1500\n")
    monkeypatch.setattr(memory, "_CGROUPS", ((str(tmp_path), "limit", "used", "inactive_file"),))
    assert memory.available_bytes() == 3500
    (tmp_path / "limit").write_text("max\n")
    assert memory.available_bytes() > 5000
