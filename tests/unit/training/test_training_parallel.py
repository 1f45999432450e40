"""Several ranks: one gradient and one result, whoever computes it; and nothing left behind however it ends."""

import os
import signal
import subprocess
import sys

import psutil
import pytest
import torch
from training_material import config, documents, train

from danlu.errors import DanluError
from danlu.recipe import FullWeights
from danlu.tokens import write_shards
from danlu.training import parallel
from danlu.training.batches import deal
from danlu.training.parallel import Ranks

RECIPE = config(batch_tokens=120)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Packs of two documents, so that every step has some for each rank."""
    folder = tmp_path_factory.mktemp("pairs")
    made = list(documents(24))
    write_shards(folder, [made[i : i + 2] for i in range(0, 24, 2)], {})
    return folder


@pytest.fixture(scope="module")
def two(tiny_base, pairs, tmp_path_factory):
    """A run on two ranks, whole."""
    return train(RECIPE, tiny_base, pairs, tmp_path_factory.mktemp("two"), ranks=2)


def children():
    return [p for p in psutil.Process().children() if p.status() != psutil.STATUS_ZOMBIE]


def test_two_ranks_train_what_one_trains(tiny_base, pairs, two, tmp_path):
    one = train(RECIPE, tiny_base, pairs, tmp_path)
    assert len(one.trajectory) == len(two.trajectory) > 5
    for row, other in zip(one.trajectory, two.trajectory, strict=True):
        assert other == pytest.approx(row, rel=1e-4)
    for value, other in zip(one.decoder.parameters(), two.decoder.parameters(), strict=True):
        torch.testing.assert_close(other, value, rtol=1e-3, atol=1e-4)


def test_full_weights_in_bf16_reach_the_other_ranks(tiny_base, pairs, tmp_path):
    recipe = config(batch_tokens=120, adapter=FullWeights(), precision="bf16")
    one, two = (train(recipe, tiny_base, pairs, tmp_path / f"{n}", ranks=n) for n in (1, 2))
    assert [row["loss"] for row in two.trajectory] == pytest.approx([row["loss"] for row in one.trajectory], rel=0.01)


@pytest.mark.parametrize("how", ["interrupted", "killed"])
def test_two_ranks_continue_bit_for_bit_and_leave_no_process(tiny_base, pairs, two, tmp_path, how):
    def stop(event, facts):
        if event == "step" and facts["step"] == 3:
            if how == "interrupted":
                raise KeyboardInterrupt
            children()[0].kill()

    with pytest.raises((KeyboardInterrupt, DanluError)) as caught:
        train(RECIPE, tiny_base, pairs, tmp_path, ranks=2, emit=stop)
    if how == "killed":
        assert str(caught.value).startswith("rank 1 of 2 was killed (signal 9), as happens where memory runs out.")
    assert not children()
    assert sorted(p.name for p in (tmp_path / "snapshots").iterdir())[-1] == "step-00000003.pt"
    resumed = train(RECIPE, tiny_base, pairs, tmp_path, ranks=2)
    assert resumed.trajectory == two.trajectory
    for value, expected in zip(resumed.decoder.parameters(), two.decoder.parameters(), strict=True):
        assert torch.equal(value, expected)


def test_a_rank_that_cannot_begin_says_why(tiny_base, pairs, tmp_path):
    with Ranks(2, RECIPE, tmp_path / "nowhere", pairs) as ranks, pytest.raises(DanluError) as caught:
        ranks.meet([(0, 1)])
    assert str(caught.value).startswith("rank 1 of 2 ended: ") and "nowhere" in str(caught.value)
    assert not children()


def test_the_others_end_when_rank_0_is_killed(tiny_base, pairs, tmp_path):
    program = (
        "import sys, time; from pathlib import Path; from training_material import config, train; "
        "train(config(batch_tokens=120), *map(Path, sys.argv[1:]), ranks=2, "
        "emit=lambda event, facts: (print(event, flush=True), time.sleep(60 if event == 'step' else 0)))"
    )
    places = map(str, (tiny_base, pairs, tmp_path))
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(__file__)}  # noqa: PTH120
    run = subprocess.Popen([sys.executable, "-c", program, *places], stdout=subprocess.PIPE, text=True, env=environment)
    while run.stdout.readline() != "step\n":
        assert run.poll() is None
    (other,) = psutil.Process(run.pid).children()
    run.send_signal(signal.SIGKILL)
    run.communicate()
    other.wait(timeout=20)


def test_one_rank_starts_no_process(tiny_base, pairs, tmp_path, monkeypatch):
    monkeypatch.setattr(parallel, "_Other", lambda *_: pytest.fail("started"))
    monkeypatch.setattr(parallel, "_group", lambda *_: pytest.fail("met"))
    train(config(epochs=0.3), tiny_base, pairs, tmp_path)


def test_more_ranks_than_packs_in_a_step_are_refused(tiny_base, pairs):
    ranks = Ranks(3, RECIPE, tiny_base, pairs)
    with pytest.raises(
        DanluError, match=r"ranks: 3, but 2 of 3 steps hold fewer packs .* Raise training\.batch_tokens"
    ):
        ranks.meet([(0, 1, 2), (3, 4), (5,)])


def test_packs_are_dealt_evenly_and_one_rank_keeps_their_order():
    sizes = {number: (tokens, 1) for number, tokens in enumerate([5, 9, 1, 4, 8])}
    assert deal(sizes, [4, 2, 0, 1, 0], 1) == [[4, 2, 0, 1, 0]]
    assert deal(sizes, [4, 2, 0, 1, 3], 2) == [[2, 1, 3], [4, 0]]
    assert deal(sizes, [3], 2) == [[3], []]
