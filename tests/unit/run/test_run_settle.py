"""A settled recipe names everything, and finds the folder that it continues."""

import pytest

from danlu.errors import LocatorError, RecipeError
from danlu.recipe import load
from danlu.run import settle as room
from danlu.run.machine import this_machine
from danlu.run.settle import folder_for, keep, settle

TEXT = """
name: mine
base: {{model: {base}}}
data:
  sources: [{{name: chats, path: data/rows.jsonl, licence: own}}]
training: {{optimizer: {{lr: 1e-3}}}}
evaluation:
  scenario: {{kind: held-out, path: data/held.jsonl}}
  guard: {{tasks: [general-text]}}
"""


@pytest.fixture
def recipe(tmp_path, tiny_base, monkeypatch):
    monkeypatch.setattr(room, "RUNS", tmp_path / "runs")
    (tmp_path / "data").mkdir()
    for name in ("rows", "held"):
        (tmp_path / "data" / f"{name}.jsonl").touch()
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT.format(base=tiny_base))
    return path


def settled(path, *overrides):
    written = load(path, overrides)
    return written, settle(written, path.parent)


def test_paths_become_absolute_and_the_machine_is_named(recipe, tmp_path):
    _, done = settled(recipe)
    assert done.data.sources[0].path == str(tmp_path / "data" / "rows.jsonl")
    assert done.hardware == this_machine().name
    assert done.threads == this_machine().physical_cores
    assert settle(done, tmp_path / "elsewhere") == done


def test_a_file_that_is_not_there_is_said_before_anything_is_done(recipe, tmp_path):
    (tmp_path / "data" / "held.jsonl").unlink()
    with pytest.raises(RecipeError, match=r"evaluation\.scenario\.path: there is no file .*held\.jsonl"):
        settled(recipe)


def test_a_text_that_is_not_there_is_said_by_plan_too(tmp_path):
    path = tmp_path / "fresh.yaml"
    path.write_text(
        "name: fresh\nbase: {depth: 1}\ndata: {form: text, sources: [{name: mine, path: mine.txt, licence: own}]}\n"
        "evaluation: {scenario: {kind: text}}\n"
    )
    with pytest.raises(RecipeError, match=r"data\.sources\.0\.path: there is no file .*mine\.txt"):
        room.fit_to_text(load(path), tmp_path)


def test_ranks_share_threads_evenly(recipe):
    with pytest.raises(RecipeError, match="2 ranks cannot share 3 threads evenly"):
        settled(recipe, "threads=3", "ranks=2")


def test_a_base_that_is_not_there_is_said_too(recipe):
    with pytest.raises(LocatorError, match="no such base"):
        settled(recipe, "base.model=nowhere")


def test_the_same_recipe_continues_and_a_changed_one_opens_a_new_run(recipe, tmp_path):
    first = folder_for(*settled(recipe), None)
    assert first == tmp_path / "runs" / "mine"
    keep(settled(recipe)[1], first)
    assert folder_for(*settled(recipe), None) == first
    changed = settled(recipe, "training.optimizer.lr=2e-3")
    second = folder_for(*changed, None)
    assert second.name == "mine-2"
    assert keep(changed[1], second).training.optimizer.lr == 2e-3
    assert folder_for(*changed, None) == second
    assert folder_for(*settled(recipe), None) == first


def test_open_threads_agree_with_what_a_run_settled_on(recipe):
    first = folder_for(*settled(recipe), None)
    keep(settled(recipe)[1].model_copy(update={"threads": 7}), first)
    assert folder_for(*settled(recipe), None) == first
    assert folder_for(*settled(recipe, "threads=3"), None) != first


def test_an_out_folder_with_another_recipe_is_refused_by_name(recipe, tmp_path):
    keep(settled(recipe)[1], tmp_path / "out")
    assert folder_for(*settled(recipe), tmp_path / "out") == tmp_path / "out"
    with pytest.raises(RecipeError, match=r"another recipe \(training\.seed differ\)"):
        folder_for(*settled(recipe, "training.seed=1"), tmp_path / "out")
