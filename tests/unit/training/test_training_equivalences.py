"""What must not matter does not. Hypothesis draws how a step is computed, and its gradient is the same; where a run is
killed, and it ends in the same bits.

Two ways of one step differ by rounding alone: by a millionth or so in fp32, by less than a hundredth in bf16, of the
whole gradient's size. A real mistake (a leak between documents, a mean of means) is a tenth or more.
"""

import shutil
import tempfile
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from training_material import config, documents, train

from danlu.recipe import FullWeights, Lora, Optimizer, Schedule
from danlu.tokens import Shards, write_shards
from danlu.training.batches import MicroBatch
from danlu.training.gradient import gradient
from danlu.training.parallel import Ranks
from danlu.training.worker import Worker

PACKS = 12
TOLERANCE = {"fp32": 2e-5, "bf16": 2e-2}
some_packs = st.lists(st.integers(0, PACKS - 1), min_size=2, max_size=8)
limits = st.one_of(st.none(), st.integers(1, 200))
few = settings(max_examples=12, deadline=None)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Twelve packs of two documents."""
    folder = tmp_path_factory.mktemp("pairs")
    made = list(documents(2 * PACKS))
    write_shards(folder, [made[i : i + 2] for i in range(0, 2 * PACKS, 2)], {})
    return folder


@pytest.fixture(scope="module", params=["fp32 lora", "bf16 lora", "bf16 full"])
def kind(request):
    precision, adapter = request.param.split()
    return {"precision": precision, "adapter": Lora(rank=2, alpha=4.0) if adapter == "lora" else FullWeights()}


def ready(base, data, **changes):
    """A worker whose adapters, if it has any, do something."""
    worker = Worker.ready(config(**changes), base, Shards(data))
    draw = torch.Generator().manual_seed(1)
    for name, parameter in worker.decoder.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.2, generator=draw)
    return worker


def gathered(worker, compute):
    """What `compute` returns, and the gradient that it leaves, as one vector."""
    for master in worker.masters.values():
        master.grad = None
    loss = compute()
    return loss, torch.cat([master.grad.flatten() for master in worker.masters.values()])


def assert_same(one, other, precision):
    assert one[0] == pytest.approx(other[0], rel=TOLERANCE[precision])
    assert (one[1] - other[1]).norm() < TOLERANCE[precision] * other[1].norm()


def alone(worker, packs):
    """Every document by itself: nothing is packed, each is a micro-batch."""
    made = [document for pack in packs for document in worker.shards.pack(pack)]
    return gathered(worker, lambda: gradient(worker.decoder, [MicroBatch.of([document]) for document in made]))


def supervised(shards, packs):
    return sum(int(document.mask[1:].sum()) for pack in packs for document in shards.pack(pack))


@few
@given(packs=some_packs, limit=limits, recompute=st.booleans())
def test_any_split_packed_or_not_recomputed_or_not_gives_one_gradient(  # noqa: PLR0917  pytest's and hypothesis's
    tiny_base, pairs, kind, packs, limit, recompute
):
    worker = ready(tiny_base, pairs, micro_batch_tokens=limit, recompute=recompute, **kind)
    count = supervised(worker.shards, packs)
    split = gathered(worker, lambda: worker.gradient(packs, count))
    assert_same(split, alone(worker, packs), kind["precision"])


@pytest.fixture(scope="module")
def two_ranks(tiny_base, pairs):
    """Two processes that stay up for all examples, and rank 0's worker."""
    recipe = config(micro_batch_tokens=40)
    with Ranks(2, recipe, tiny_base, pairs) as ranks:
        ranks.meet([])
        yield ranks, ready(tiny_base, pairs, micro_batch_tokens=40)


@few
@given(packs=some_packs, seed=st.integers(0, 99))
def test_one_rank_or_two_give_one_gradient(two_ranks, packs, seed):
    ranks, worker = two_ranks
    draw = torch.Generator().manual_seed(seed)
    for master in worker.masters.values():  # the other rank has to be told of what was trained
        torch.nn.init.normal_(master, std=0.1, generator=draw)
    sizes = {
        pack: (sum(len(d.ids) for d in worker.shards.pack(pack)), supervised(worker.shards, [pack])) for pack in packs
    }
    shared = gathered(worker, lambda: ranks.gradient(worker, sizes, packs))
    assert_same(shared, alone(worker, packs), "fp32")
    again = gathered(worker, lambda: ranks.gradient(worker, sizes, packs))
    assert again[0] == shared[0] and torch.equal(again[1], shared[1])


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.filterwarnings("ignore")
@settings(max_examples=4, deadline=None)
@given(pack=st.integers(0, PACKS - 1), seed=st.integers(0, 99))
def test_compiled_or_eager_gives_one_gradient(tiny_base, pairs, pack, seed):
    worker = ready(tiny_base, pairs)
    decoder, eager = worker.decoder, alone(worker, [pack])
    decoder.hidden = torch.compile(decoder.hidden, dynamic=True)
    try:
        assert_same(alone(worker, [pack]), eager, "fp32")
    finally:
        del decoder.hidden


class Killed(Exception):
    """Stands for a process that ends at any moment."""


@pytest.mark.parametrize("kind", ["cosine", "linear", "wsd", "constant"])
@settings(max_examples=3, deadline=None)
@given(
    step=st.integers(1, 12),
    every=st.integers(1, 4),
    betas=st.tuples(st.floats(0, 0.99), st.floats(0.5, 0.999)),
    warmup=st.floats(0, 0.9),
    weight_decay=st.floats(0, 0.5),
)
def test_a_run_killed_at_any_step_continues_bit_for_bit(  # noqa: PLR0917
    tiny_base, data, kind, step, every, betas, warmup, weight_decay
):
    recipe = config(
        optimizer=Optimizer(lr=1e-2, betas=betas, weight_decay=weight_decay),
        schedule=Schedule(kind=kind, warmup=warmup),
        checkpoint_every_steps=every,
    )

    def kill(event, facts):
        if event == "step" and facts["step"] == step:
            raise Killed

    with tempfile.TemporaryDirectory() as folder:
        whole = train(recipe, tiny_base, data, Path(folder, "whole"))
        with pytest.raises(Killed):
            train(recipe, tiny_base, data, Path(folder, "cut"), emit=kill)
        with Path(folder, "cut", "trajectory.jsonl").open("a") as handle:
            handle.write('{"step": 9')  # a line cut by the crash
        resumed = train(recipe, tiny_base, data, Path(folder, "cut"))
    assert len(whole.trajectory) == 13
    assert resumed.trajectory == whole.trajectory
    for value, expected in zip(resumed.decoder.parameters(), whole.decoder.parameters(), strict=True):
        assert torch.equal(value, expected)
