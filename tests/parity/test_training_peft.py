"""A training run step by step beside transformers, PEFT and torch's AdamW: the same losses, norms and adapter."""

import numpy as np
import pytest
import torch

from danlu.errors import Waivers
from danlu.model import load, lora
from danlu.recipe import Lora, Optimizer, Training
from danlu.tokens import Document, Shards, write_shards
from danlu.training import loop
from danlu.training.batches import plan
from danlu.training.schedule import factor

pytestmark = pytest.mark.filterwarnings("ignore")
RECIPE = Training(
    adapter=Lora(rank=4, alpha=8.0),
    optimizer=Optimizer(lr=5e-3, weight_decay=0.1, max_grad_norm=1.0),
    batch_tokens=70,
    precision="fp32",
)


@pytest.fixture
def data(tmp_path):
    draw = np.random.default_rng(3)
    made = []
    for number in range(24):
        length = int(draw.integers(4, 20))
        ids = draw.integers(3, 259, length).astype(np.int32)
        made.append(Document(ids, np.arange(length) >= length // 2, "made", f"made:{number}"))
    write_shards(tmp_path / "data", [made[i : i + 3] for i in range(0, 24, 3)], {})
    return tmp_path / "data"


def reference_steps(base, data, start):
    """(loss, norm) a step, documents alone and unpadded, and the model afterwards."""
    import peft
    import transformers

    model = peft.PeftModel.from_pretrained(
        transformers.AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), start, is_trainable=True
    )
    trained = [p for p in model.parameters() if p.requires_grad]
    numbers = RECIPE.optimizer
    optimizer = torch.optim.AdamW(trained, betas=numbers.betas, eps=numbers.eps, weight_decay=numbers.weight_decay)
    shards = Shards(data)
    steps = plan(shards, epochs=1, batch_tokens=70, max_tokens=None, seed=0).steps
    for number, packs in enumerate(steps):
        documents = [document for pack in packs for document in shards.pack(pack)]
        count = sum(int(d.mask[1:].sum()) for d in documents)
        total = 0.0
        for document in documents:
            ids = torch.from_numpy(document.ids).long()[None]
            labels = torch.where(torch.from_numpy(document.mask), ids, -100)
            loss = model(ids, labels=labels, use_cache=False).loss * int(document.mask[1:].sum()) / count
            loss.backward()
            total += loss.item()
        norm = float(torch.nn.utils.clip_grad_norm_(trained, numbers.max_grad_norm))
        for group in optimizer.param_groups:
            group["lr"] = numbers.lr * factor(RECIPE.schedule, number, len(steps))
        optimizer.step()
        optimizer.zero_grad()
        yield total, norm, model


def test_a_run_is_that_of_transformers_and_peft(tiny_base, data, tmp_path):
    fresh = load(tiny_base, torch.float32)
    lora.attach(fresh, 4, 8.0, "all-linear", RECIPE.seed)
    lora.save_peft(fresh, tmp_path / "start", str(tiny_base))
    expected = list(reference_steps(tiny_base, data, tmp_path / "start"))
    fingerprint = loop.fingerprint_of(RECIPE, tiny_base, data, loop.Circumstances("", None))
    done = loop.train(RECIPE, tiny_base, data, tmp_path, waivers=Waivers(), fingerprint=fingerprint)
    assert len(done.trajectory) == len(expected) > 5
    for row, (loss, norm, _) in zip(done.trajectory, expected, strict=True):
        assert row["loss"] == pytest.approx(loss, rel=1e-4)
        assert row["grad_norm"] == pytest.approx(norm, rel=1e-3)
    theirs = {name: p for name, p in expected[-1][2].named_parameters() if "lora_" in name}
    for name, adapter in lora.adapters(done.decoder):
        for letter in "AB":
            other = theirs[f"base_model.model.{name}.lora_{letter}.default.weight"]
            torch.testing.assert_close(getattr(adapter, f"lora_{letter}"), other, rtol=1e-2, atol=1e-4, msg=name)
