"""The search finds the layout that exhaustive search finds, keeps to what is fixed, and says why not."""

import itertools
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from danlu.compute.architecture import find
from danlu.compute.job import Layout
from danlu.compute.question import Question
from danlu.compute.search import Pace, Rules, job_of, search, why
from danlu.errors import RecipeError

LLAMA_8B, LLAMA_70B = find("llama-3.1-8b"), find("llama-3.1-70b")
_KEPT_BYTES = {"none": 34, "selective": 20, "full": 2}


def needed(job):
    """A toy of a memory model: states, activations, logits."""
    made, shape = job.layout, job.architecture
    weights = shape.num_parameters / (made.tp * made.pp)
    shards = made.shards
    states = weights * (
        6 / (shards if made.sharding == "zero3" else 1) + 12 / (shards if made.sharding != "none" else 1)
    )
    tokens = job.batch.micro * job.batch.seq_len / made.cp
    return (
        states + tokens * (_KEPT_BYTES[job.recompute] * shape.width * shape.num_layers + 6 * shape.vocab_size) / made.tp
    )


def pace(job):
    """A toy of a time model: products, bubble, network, tensor parallelism."""
    made, device = job.layout, job.cluster.device
    flops = 3 * job.architecture.forward_flops(job.tokens_per_step, job.batch.seq_len) / job.cluster.num_devices
    products = flops / device.reached_flops_per_s("bf16") * {"none": 1, "selective": 1.05, "full": 1.33}[job.recompute]
    often = job.micro_batches if made.sharding == "zero3" else 1
    parts = {
        "products": products,
        "bubble": products * (made.pp - 1) / job.micro_batches / made.virtual_stages,
        "data": job.architecture.num_parameters * 6 / (made.tp * made.pp) / 50e9 * often * 0.2,
        "tensor": 0.03 * products * (made.tp - 1),
    }
    return Pace(sum(parts.values()), parts)


TOY = Rules(needed, pace)


def asked(shape, devices, **told):
    return Question.of(shape, devices, {"tokens": "1T", "seq_len": "8k", **told})


def test_the_best_fits_and_the_runner_up_is_another_layout_that_is_slower():
    found = search(asked(LLAMA_70B, "512xH100"), TOY)
    best, other = found.best, found.runner_up
    assert best.fits and other.fits
    assert best.memory_bytes <= best.job.cluster.device.usable_bytes
    assert best.job.layout.num_devices == 512
    assert best.row_s <= other.row_s
    assert best.family != other.family
    assert why(best, other).startswith("+")


@pytest.mark.parametrize(
    ("shape", "devices"), [(LLAMA_70B, "64xH100"), (LLAMA_8B, "16xA100"), (LLAMA_8B, "64xRTX 4090")]
)
def test_it_is_within_three_percent_of_exhaustive_search(shape, devices):
    question = asked(shape, devices, batch="512")
    found = search(question, TOY)
    times = [pace(job).time_s for job in every_job(question) if needed(job) <= question.cluster.device.usable_bytes]
    assert found.best.pace.time_s <= 1.03 * min(times)


def every_job(question):
    number, layers = question.cluster.num_devices, question.architecture.num_layers
    for tp, pp in itertools.product((1, 2, 4, 8), (2**i for i in range(10))):
        if number % (tp * pp) or pp > layers or tp > question.cluster.link_domain:
            continue
        dp = number // (tp * pp)
        for sharding, virtual, micro in itertools.product(("zero1", "zero3"), (1, 2, 4, 5, 10), (1, 2, 4, 8)):
            pipelined = (pp > 1 and sharding == "zero3") or (virtual > 1 and (pp == 1 or layers % (pp * virtual)))
            if (512 // dp) % micro or pipelined:
                continue
            layout = Layout(dp=dp, tp=tp, pp=pp, sharding=sharding if dp > 1 else "none", virtual_stages=virtual)
            yield from (job_of(question, layout, recompute, micro) for recompute in ("none", "selective", "full"))


@settings(max_examples=30, deadline=None)
@given(tp=st.sampled_from([1, 2, 4, 8]), pp=st.sampled_from([1, 2, 4, 8]), number=st.sampled_from([64, 128, 512]))
def test_what_is_fixed_stays(tp, pp, number):
    made = search(asked(LLAMA_70B, f"{number}xH100", tp=tp, pp=pp), TOY).best.job.layout
    assert (made.tp, made.pp, made.num_devices) == (tp, pp, number)


@settings(max_examples=40, deadline=None)
@given(number=st.integers(1, 700), method=st.sampled_from(["pretrain", "full", "lora", "qlora"]))
def test_any_number_of_devices_has_an_answer_and_every_rank_has_rows(number, method):
    job = search(asked(LLAMA_8B, f"{number}xH100", method=method), TOY).best.job
    assert job.layout.num_devices == number
    assert job.batch.sequences % (job.layout.dp * job.batch.micro) == 0
    assert job.architecture.num_heads % job.layout.tp == 0


def test_what_cannot_fit_comes_with_the_layout_that_needs_least():
    found = search(asked(LLAMA_70B, "RTX 4090"), TOY)
    assert not found.best.fits
    assert found.best.job.recompute == "full"
    assert found.runner_up is None


@pytest.mark.parametrize(
    ("devices", "told", "words"),
    [
        ("7xH100", {"tp": 8}, "needs a multiple of 8 devices, and there are 7; the nearest is 8"),
        ("8xH100", {"tp": 6}, "does not divide the 64 heads of llama-3.1-70b; the nearest that does is"),
        ("512xH100", {"pp": 128}, "the most is 80"),
        ("64xH100", {"ep": 8}, "llama-3.1-70b is dense"),
        ("64xH100", {"cp": 3}, "does not divide rows of 8,192 tokens"),
        ("512xH100", {"batch": 500, "tp": 1, "pp": 1}, "the nearest batch that can is 512"),
    ],
)
def test_a_layout_that_cannot_be_is_one_sentence_with_the_nearest_value(devices, told, words):
    with pytest.raises(RecipeError, match=words):
        search(asked(LLAMA_70B, devices, **told), TOY)


def test_a_cluster_takes_few_evaluations():
    began = time.process_time()
    found = search(asked(LLAMA_70B, "512xH100"), TOY)
    assert found.tried < 1500
    assert time.process_time() - began < 60  # a hang, not a speed


def test_virtual_stages_that_the_model_has_no_layers_for_are_refused_as_the_job_says_it():
    with pytest.raises(RecipeError, match=r"pp=4 x 100 virtual stages is more than the 32 layers .* Use pp=1 at most"):
        search(Question.of(LLAMA_8B, "8xH100", {"pp": 4, "virtual": 100}), TOY)
