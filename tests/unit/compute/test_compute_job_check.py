"""A layout that cannot be is told in one sentence with the nearest valid value."""

from __future__ import annotations

from dataclasses import replace

import pytest

from danlu.compute.architecture import Architecture, Experts
from danlu.compute.catalogue import Cluster, find
from danlu.compute.job import Batch, Job, Layout, check
from danlu.errors import RecipeError

SHAPE = Architecture("llama", 32, 4096, 14336, 32, 8, 128, 128_256)
JOB = Job(SHAPE, Cluster.of(find("H100 SXM"), 64), Batch(4096, 256, 2), Layout(dp=16, tp=4))


def test_a_good_job_passes():
    check(JOB)
    check(replace(JOB, layout=Layout(dp=4, tp=8, pp=2, virtual_stages=2)))


@pytest.mark.parametrize(
    ("changes", "says", "use"),
    [
        ({"cluster": replace(JOB.cluster, num_devices=0)}, "0 devices", "Use 1."),
        ({"layout": Layout(dp=16, tp=0)}, "tp=0", "Use tp=1."),
        ({"layout": Layout(dp=16, tp=2)}, "= 32, but there are 64 devices", "Use dp=32."),
        ({"layout": Layout(dp=9, tp=7)}, "= 63, but there are 64", "Use dp=9 on 63 devices."),
        (
            {"cluster": replace(JOB.cluster, num_devices=48), "layout": Layout(dp=8, tp=6)},
            "tp=6 does not divide the 32 heads",
            "Use tp=8.",
        ),
        ({"layout": Layout(dp=1, pp=64)}, "more than the 32 layers", "Use pp=32 at most."),
        ({"layout": Layout(dp=64, virtual_stages=2)}, "virtual stages need a pipeline", "Use virtual_stages=1"),
        ({"layout": Layout(dp=64, ep=8)}, "has no experts", "Use ep=1."),
        (
            {"architecture": replace(SHAPE, experts=Experts(60, 4, 1024)), "layout": Layout(dp=64, ep=8)},
            "ep=8 does not divide",
            "Use ep=4.",
        ),
        ({"batch": Batch(4096, 250)}, "250 sequences do not divide among 16", "Use 256."),
        ({"batch": Batch(4096, 256, 3)}, "micro-batch of 3 does not divide", "Use 4."),
        ({"batch": Batch(4096, 256, 0)}, "1 or more", "Use 1"),
        ({"layout": Layout(dp=16, cp=4), "batch": Batch(4098, 256)}, "cp=4 does not divide", "Use cp=3."),
    ],
)
def test_a_bad_job_is_told_what_to_do(changes, says, use):
    with pytest.raises(RecipeError) as told:
        check(replace(JOB, **changes))
    assert says in str(told.value)
    assert use in str(told.value)
