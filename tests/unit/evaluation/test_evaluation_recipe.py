"""A guard that would guard nothing, or count a set twice, is refused in the recipe."""

import pytest
from pydantic import ValidationError

from danlu.recipe.evaluation import Guard


@pytest.mark.parametrize(("tasks", "says"), [([], "at least 1 item"), (["piqa", "piqa"], "counts once")])
def test_a_guard_names_each_of_its_tasks_once(tasks, says):
    with pytest.raises(ValidationError, match=says):
        Guard.model_validate({"tasks": tasks})
