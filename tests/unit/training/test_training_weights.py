"""Every weight trained: nothing rounds away, tied embeddings get both their gradients, plain text works end to end."""

import numpy as np
import pytest
import torch
from training_material import config, documents, train

from danlu import training
from danlu.errors import DataError, Refusal, Waivers
from danlu.hub import Resolved
from danlu.model import load
from danlu.recipe import FullWeights, Optimizer, Schedule
from danlu.tokens import Document, write_shards
from danlu.training.batches import MicroBatch
from danlu.training.gradient import gradient
from danlu.training.masters import Masters

FULL = FullWeights()
# where bf16 keeps 8 bits, a step of 1e-5 on weights around 0.1 is a fortieth of the least change
FINE = {"optimizer": Optimizer(lr=1e-5), "schedule": Schedule(kind="constant", warmup=0)}


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """Packs of plain text: every token is supervised."""
    folder = tmp_path_factory.mktemp("text")
    made = [Document(d.ids, np.ones_like(d.mask), d.source, d.row_id) for d in documents(24, seed=5)]
    write_shards(folder, [made[i : i + 3] for i in range(0, 24, 3)], {})
    return folder


def weights(decoder):
    return {name: p.detach().float().clone() for name, p in decoder.named_parameters()}


def test_steps_too_small_for_bf16_add_up(tiny_base, text, tmp_path):
    before = weights(load(tiny_base))
    exact = train(config(adapter=FULL, epochs=40, checkpoint_every_steps=999, **FINE), tiny_base, text, tmp_path / "32")
    rounded = train(
        config(adapter=FULL, epochs=40, precision="bf16", checkpoint_every_steps=999, **FINE),
        tiny_base,
        text,
        tmp_path / "16",
    )
    moved, kept = weights(exact.decoder), weights(rounded.decoder)
    way = {name: moved[name] - before[name] for name in before}
    for name in ("model.layers.0.mlp.up_proj.weight", "model.layers.1.self_attn.q_proj.weight"):
        assert way[name].abs().mean() > 3e-4
        along = ((kept[name] - before[name]) * way[name]).sum() / way[name].square().sum()
        assert along == pytest.approx(1, abs=0.1), name


def test_masters_hold_what_bf16_cannot(tiny_base, text, tmp_path):
    once = config(adapter=FULL, epochs=0.1, precision="bf16", checkpoint_every_steps=1, **FINE)
    done = train(once, tiny_base, text, tmp_path)
    assert len(done.trajectory) == 1
    before, after = weights(load(tiny_base)), weights(done.decoder)
    name = "model.norm.weight"  # ones: the next bf16 number below is 0.996
    assert torch.equal(before[name], after[name])
    master = torch.load(tmp_path / "snapshots" / "step-00000001.pt")["parameters"][name]
    assert master.dtype == torch.float32
    assert (master - before[name]).abs().min() == pytest.approx(1e-5, rel=0.02)


@pytest.mark.filterwarnings("ignore")
def test_every_gradient_is_that_of_transformers_with_tied_embeddings(tiny_base):
    import transformers

    reference = transformers.AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32)
    document = next(documents(1))
    ids = torch.from_numpy(document.ids).long()[None]
    reference(ids, labels=torch.where(torch.from_numpy(document.mask), ids, -100)).loss.backward()
    expected = {name: p.grad for name, p in reference.named_parameters()}
    decoder = load(tiny_base, torch.float32).requires_grad_(True)
    gradient(decoder, [MicroBatch.of([document])])
    found = {name: p.grad for name, p in decoder.named_parameters()}
    assert set(found) == set(expected)
    for name, value in found.items():
        torch.testing.assert_close(value, expected[name], rtol=1e-4, atol=1e-6, msg=name)


def test_masters_sum_micro_batches_in_fp32(tiny_base):
    """Thirty-two equal parts, each exact in bf16, give the whole; summed in bf16 they would not."""
    decoder = load(tiny_base).requires_grad_(True)
    masters = Masters(decoder)
    one = MicroBatch.of([next(documents(1))])
    gradient(decoder, [one])
    single = {name: p.grad.clone() for name, p in masters.items()}
    for master in masters.values():
        master.grad = None
    gradient(decoder, [one] * 32)
    for name, master in masters.items():
        assert torch.equal(master.grad, single[name]), name
        assert decoder.get_parameter(name).grad is None


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_full_weights_continue_bit_for_bit(tiny_base, text, tmp_path, precision):
    recipe = config(adapter=FULL, precision=precision, objective="pretrain")

    def kill(event, facts):
        if event == "step" and facts["step"] == 3:
            raise ConnectionError

    whole = train(recipe, tiny_base, text, tmp_path / "whole")
    with pytest.raises(ConnectionError):
        train(recipe, tiny_base, text, tmp_path / "cut", emit=kill)
    resumed = train(recipe, tiny_base, text, tmp_path / "cut")
    assert resumed.trajectory == whole.trajectory
    for one, other in zip(resumed.decoder.parameters(), whole.decoder.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("adapter", [FULL, config().adapter])
def test_pretraining_on_text_leaves_a_model_that_knows_the_text_better(tiny_base, text, tmp_path, adapter):
    recipe = config(adapter=adapter, objective="pretrain", epochs=8, precision="bf16", recompute=True)
    base = Resolved(tiny_base, "tiny", "own", "0" * 64)
    facts = training.carry_out(recipe, base, text, tmp_path, training.Circumstances("v1", None), waivers=Waivers())
    assert facts["supervised_tokens"] == facts["tokens"] - 8 * 24  # a document's first token is never predicted
    batch = [MicroBatch.of(list(documents(6, seed=5)))]
    assert (tmp_path / "adapter").exists() == (adapter is not FULL)
    with torch.enable_grad():
        before, after = (gradient(load(f).requires_grad_(True), batch) for f in (tiny_base, tmp_path / "model"))
    assert after < before - 0.1
    assert len(load(tmp_path / "model").state_dict()) == len(load(tiny_base).state_dict())


def test_pretraining_on_dialogues_is_refused(tiny_base, data, tmp_path):
    with pytest.raises(DataError, match=r"made:0 .*supervised in part.*Set data\.form: text"):
        train(config(objective="pretrain"), tiny_base, data, tmp_path)


def test_a_document_longer_than_the_context_is_named_with_both_numbers(tiny_base, tmp_path):
    long = Document(np.arange(3, 303, dtype=np.int32) % 250, np.ones(300, bool), "mine", "mine:4")
    write_shards(tmp_path / "long", [[long]], {})
    with pytest.raises(DataError, match=r"mine:4 .* has 300 tokens, but the base reads at most 256.*max_length to 256"):
        train(config(), tiny_base, tmp_path / "long", tmp_path)


def test_a_token_that_the_base_does_not_know_is_named(tiny_base, tmp_path):
    strange = Document(np.array([5, 259, 7], np.int32), np.ones(3, bool), "mine", "mine:2")
    write_shards(tmp_path / "strange", [[strange]], {})
    with pytest.raises(DataError, match=r"mine:2 .* holds token 259, but the base knows 259"):
        train(config(), tiny_base, tmp_path / "strange", tmp_path)


def test_full_weights_that_learned_nothing_are_refused(tiny_base, text, tmp_path):
    recipe = config(adapter=FULL, precision="bf16", optimizer=Optimizer(lr=1e-9))
    with pytest.raises(Refusal, match="nothing was learned") as caught:
        training.carry_out(
            recipe,
            Resolved(tiny_base, "tiny", "own", "0" * 64),
            text,
            tmp_path,
            training.Circumstances("v1", None),
            waivers=Waivers(),
        )
    assert caught.value.number == 13
