"""One dial: depth decides what a recipe for a fresh model leaves open, and only that."""

from itertools import pairwise

import pytest

from danlu.errors import RecipeError, Refusal
from danlu.recipe import FreshBase, OpenBase, dump, load
from danlu.recipe.scratch import Shape, batch_tokens, fitted, lr, tokens

TEXT = """\
name: fresh
base:
  depth: 4
data:
  form: text
  sources:
    - name: mine
      path: mine.txt
      licence: own
evaluation:
  scenario:
    kind: text
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "fresh.yaml"
    path.write_text(TEXT)
    return path


def test_depth_fills_in_what_is_left_open_and_the_stored_recipe_shows_it(path, tmp_path):
    recipe = load(path)
    shape = Shape.of(recipe.base)
    assert (recipe.base.width, recipe.base.num_heads, recipe.base.ffn_width) == (
        shape.width,
        shape.num_heads,
        shape.ffn_width,
    )
    assert recipe.training.optimizer.lr == lr(shape, tokens(shape))
    assert recipe.training.batch_tokens == batch_tokens(shape, tokens(shape))
    assert recipe.training.max_tokens == tokens(shape)
    assert recipe.training.objective == "pretrain"
    assert recipe.training.adapter.kind == "full"
    dump(recipe, tmp_path / "stored.yaml", "stored")
    assert load(tmp_path / "stored.yaml") == recipe
    assert f"lr: {lr(shape, tokens(shape))}" in (tmp_path / "stored.yaml").read_text()


def test_what_is_written_stands(path):
    recipe = load(
        path, ["base.width=128", "training.optimizer.lr=1e-3", "training.max_tokens=5000", "training.epochs=1"]
    )
    assert recipe.base.num_heads == 2
    assert recipe.training.optimizer.lr == 1e-3
    assert recipe.training.max_tokens == 5000
    assert recipe.training.epochs == 1


def test_little_text_means_fewer_tokens_smaller_steps_and_a_smaller_rate(path):
    recipe = load(path)
    written = recipe.training.model_dump(mode="json")
    little, much = (fitted(written, recipe.base, size) for size in (1e6, 1e12))
    assert much == written
    assert little["max_tokens"] < 1.3e6 < written["max_tokens"]
    assert little["max_tokens"] / little["batch_tokens"] > 1000
    assert little["optimizer"]["lr"] < written["optimizer"]["lr"]
    assert fitted(little, recipe.base, 1e6) == little


def test_what_is_written_stands_whatever_the_text(path):
    recipe = load(path, ["training.batch_tokens=2048", "training.optimizer.lr=1e-3"])
    made = fitted(recipe.training.model_dump(mode="json"), recipe.base, 1e6)
    assert (made["batch_tokens"], made["optimizer"]["lr"]) == (2048, 1e-3)
    limited = load(path, ["training.max_tokens=600000"]).training
    assert limited.batch_tokens == 512
    assert fitted(limited.model_dump(mode="json"), recipe.base, 1e6)["max_tokens"] == 600000


def test_null_leaves_a_number_to_depth(path):
    assert load(path, ["training.optimizer.lr=", "training.max_tokens="]) == load(path)


def test_a_deeper_model_is_wider_and_larger_and_learns_slower_in_larger_batches():
    shapes = [Shape.of(FreshBase(depth=depth)) for depth in (1, 2, 4, 8, 16, 32)]
    for small, large in pairwise(shapes):
        assert small.width < large.width
        assert small.num_parameters < large.num_parameters
        assert lr(small, 10**9) > lr(large, 10**9)
        assert batch_tokens(small, 10**9) <= batch_tokens(large, 10**9)
        assert large.width % (2 * large.num_heads) == 0


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("training.adapter={kind: lora}", "a fresh base has nothing to adapt"),
        ("training.objective=sft", "needs a model that has learnt a language"),
        ("base={depth: 4, model: x}", "Keep one of them"),
        ("base={depth: 4, width: 96, num_heads: 5}", "base: num_heads=5 does not divide width=96"),
        ("base={depth: 4, vocab_size: 100}", "base.vocab_size: input should be greater than or equal to 320"),
        ("base={depth: deep}", "base.depth: input should be a valid integer"),
        ("base={model: x}", "training is missing"),
    ],
)
def test_what_cannot_be_is_said(path, override, says):
    with pytest.raises(RecipeError, match=r"fresh\.yaml") as caught:
        load(path, [override])
    assert says in str(caught.value)


def test_a_key_of_an_open_base_is_refused_on_a_fresh_one(path):
    with pytest.raises(Refusal, match=r"base\.chat_template is not a key") as caught:
        load(path, ["base={depth: 4, chat_template: x.jinja}"])
    assert caught.value.number == 12


def test_an_open_base_must_name_a_rate(path):
    with pytest.raises(RecipeError, match=r"training\.optimizer\.lr is missing"):
        load(path, ["base={model: x}", "training={objective: pretrain, optimizer: {weight_decay: 0.1}}"])


def test_replay_is_not_read_where_nothing_is_held_out(path):
    overrides = ["base={model: x}", "training={objective: pretrain, optimizer: {lr: 1e-3}}"]
    overrides += ["data.sources.0.replay=true", "evaluation={scenario: {kind: held-out, path: h.jsonl, samples: 0}}"]
    with pytest.raises(Refusal, match=r"data\.sources\.0\.replay is not read"):
        load(path, overrides)


def test_an_override_of_another_kind_takes_the_place_of_the_old_kind(path):
    recipe = load(path, ["data.sources.0.passages=boolq"])
    assert (recipe.data.sources[0].passages, recipe.data.sources[0].licence) == ("boolq", "own")
    back = load(path, ["data.sources.0={name: wiki, passages: boolq, sha256: ab}", "data.sources.0.path=other.txt"])
    assert back.data.sources[0].path == "other.txt"
    assert back.data.sources[0].licence is None
    opened = load(path, ["base.model=somewhere", "training={objective: pretrain, optimizer: {lr: 1e-3}}"])
    assert isinstance(opened.base, OpenBase)


def test_passages_bring_their_own_licence(path):
    recipe = load(path, ["data.sources.0={name: wiki, passages: boolq}"])
    assert recipe.data.sources[0].licence == "CC-BY-SA-3.0"


def test_the_schema_asks_for_a_rate_on_an_open_base_alone(path):
    from danlu.recipe import Recipe

    schema = Recipe.model_json_schema()
    assert "optimizer" not in schema["$defs"]["Training"].get("required", [])
    assert schema["if"]["properties"]["base"]["required"] == ["model"]
    assert schema["then"]["properties"]["training"]["properties"]["optimizer"]["required"] == ["lr"]
