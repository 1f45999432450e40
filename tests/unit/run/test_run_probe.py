"""run/probe.py: a minute of the recipe itself, measured in a process of its own, kept, and found again."""

import json

import pytest

from danlu.artefact import write_jsonl
from danlu.compute.local.probe import Measured
from danlu.errors import DanluError, RecipeError
from danlu.hub import resolve
from danlu.recipe import Recipe
from danlu.run.planning import plan_recipe
from danlu.run.probe import ProbeError, probe, stored
from danlu.tokens import Renderer

TALK = [
    {"role": "user", "content": "6 times {}?"},
    {"role": "assistant", "content": "Six how often, in a story of {}?"},
]


def rows(count):
    return [{"messages": [{**m, "content": m["content"].format(n)} for m in TALK]} for n in range(count)]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DANLU_CACHE", str(folder))
        yield folder / "probes"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Where the recipe's relative paths start."""
    folder = tmp_path_factory.mktemp("recipe")
    write_jsonl(folder / "rows.jsonl", rows(40))
    write_jsonl(folder / "held.jsonl", rows(12))
    return folder


@pytest.fixture(scope="module")
def here(tiny_base):
    """A recipe's maker."""

    def make(**changes):
        return Recipe.model_validate(
            {
                "name": "mine",
                "base": {"model": str(tiny_base)},
                "data": {
                    "max_length": 128,
                    "sources": [{"name": "rows", "path": "rows.jsonl", "licence": "own"}],
                    "deduplicate": {"enabled": False},
                    "decontaminate": {"enabled": False},
                },
                "training": {"optimizer": {"lr": 1e-3}, "batch_tokens": 256, "micro_batch_tokens": 256, "epochs": 3},
                "evaluation": {
                    "scenario": {"kind": "held-out", "path": "held.jsonl", "samples": 3, "max_new_tokens": 8},
                    "guard": None,
                },
                "threads": 1,
                **changes,
            }
        )

    return make


@pytest.fixture(scope="module")
def heard():
    return []


@pytest.fixture(scope="module")
def measured(here, root, heard):
    return probe(here(), root, lambda event, fields: heard.append((event, fields["what"])))


def test_a_probe_times_every_part_of_the_recipe_and_counts_its_work(measured, heard, cache):
    found = measured
    assert {
        "base",
        "items",
        "data",
        "ready",
        "steps",
        "snapshots",
        "save",
        "engines",
        "read",
        "decode",
        "score scenario",
    } == set(found.times)
    assert all(part.measured > 0 and part.model > 0 for part in found.times.values())
    assert set(found.memories) == {"train", "evaluate"}
    assert all(50e6 < peak.measured < 20e9 for peak in found.memories.values())
    assert found.rates["bf16"] > 1e8
    assert found.rates["memory"] > 1e8
    assert {event for event, _ in heard} == {"probing"}
    assert len(list(cache.glob("*.json"))) == 1
    counted = found.counted
    assert counted.rows == 40
    assert counted.supervised < counted.tokens
    assert 0 < counted.unshared < 1  # every row begins with the template's words
    ((_, _, replies),) = counted.questions
    assert 1 <= replies.mean <= replies.longest <= 8
    assert len(counted.scoring) == 1


def test_a_probe_is_found_again_until_something_that_it_depends_on_changes(here, root, measured):
    assert stored(here(), root) == measured
    for same in ({"name": "other"}, {"goal": "another"}):
        assert stored(here(**same), root) == measured
    longer = here(training={**here().training.model_dump(mode="json"), "epochs": 9, "seed": 4})
    assert stored(longer, root).likeness == "recipe"
    wider = here(training={**here().training.model_dump(mode="json"), "adapter": {"kind": "lora", "rank": 4}})
    assert (stored(wider, root).likeness, stored(wider, root).counted) == ("base", None)
    assert stored(here(threads=2), root) is None
    grown = root / "grown"
    grown.mkdir()
    write_jsonl(grown / "rows.jsonl", rows(50))
    write_jsonl(grown / "held.jsonl", rows(12))
    assert stored(here(), grown).likeness == "base"


def test_what_is_no_probe_is_left_alone(here, root, measured, cache):
    (cache / "half.json").write_text('{"schema": "danlu/probe-1", "facts"')
    (cache / "old.json").write_text(json.dumps({"schema": "danlu/probe-0"}))
    (cache / "odd.json").write_text(json.dumps({"schema": "danlu/probe-1", "facts": {}, "probe": {"times": 3}}))
    assert stored(here(), root) == measured


def test_its_plan_is_narrower_and_says_what_was_measured(here, tiny_base, root, measured):
    def planned(found):
        renderer = Renderer.from_folder(tiny_base)
        return plan_recipe(here(), root=root, base=resolve(str(tiny_base)), renderer=renderer, probe=found)

    before, after = planned(None), planned(measured)
    assert max(s.high_s / s.low_s for s in after.stages if s.name != "report") < 2
    assert min(s.high_s / s.low_s for s in before.stages) == pytest.approx(4)
    assert "corrected by a probe of this recipe" in after.assumptions[0]
    assert after.tokens["source"] == "counted by a probe"
    kept = after.to_json()["probe"]["times"]["steps"]["measured"]
    assert kept == pytest.approx(measured.times["steps"].measured, rel=1e-4)


def test_a_card_of_the_catalogue_cannot_be_probed_from_here(here, root):
    elsewhere = here(hardware="H100 SXM")
    with pytest.raises(RecipeError, match=r"only this machine .* can. Leave --probe out"):
        probe(elsewhere, root)
    assert stored(elsewhere, root) is None


def test_a_recipe_that_cannot_be_carried_out_says_why_in_its_own_words(here, tmp_path):
    write_jsonl(tmp_path / "held.jsonl", rows(12))
    write_jsonl(tmp_path / "rows.jsonl", [{"messages": [{"role": "user", "content": "<|im_end|>"}]}])
    with pytest.raises(ProbeError, match=r"rows\.jsonl:1"):
        probe(here(), tmp_path)
    assert issubclass(ProbeError, DanluError)


def test_a_recipe_that_does_not_fit_is_not_tried(here, root):
    whole = {
        **here().training.model_dump(mode="json"),
        "batch_tokens": 2**31,
        "micro_batch_tokens": 2**31,
        "epochs": 9e6,
    }
    with pytest.raises(ProbeError, match=r"needs about .* GB, and this machine has .* Leave --probe out"):
        probe(here(training=whole), root)


def test_data_too_large_for_a_minute_are_thinned_and_counted_whole(here, tmp_path, monkeypatch):
    from danlu.errors import Waivers
    from danlu.run.carry import carry_stage
    from danlu.run.probing import data
    from danlu.run.settle import settle
    from danlu.run.stage import Context
    from danlu.run.stages import base
    from danlu.run.store import Store

    write_jsonl(tmp_path / "held.jsonl", rows(12))
    write_jsonl(tmp_path / "rows.jsonl", rows(600))
    monkeypatch.setattr(data, "_ROWS", 100)
    recipe = settle(here(), tmp_path)
    context = Context(
        recipe, tmp_path / "probe" / "run", Store(tmp_path / "probe" / ".store"), Waivers(), lambda *_: None
    )
    context.folder.mkdir(parents=True)
    carry_stage(base.STAGE, context)
    small, factor = data.thinned(recipe, context)
    assert factor == pytest.approx(6)
    kept = (tmp_path / "probe" / "0.jsonl").read_text().splitlines()
    assert len(kept) == 100
    assert small.data.sources[0].path != recipe.data.sources[0].path
    assert json.loads(kept[50])["messages"][0]["content"] == "6 times 300?"  # evenly, from all of the file


def test_a_measured_part_of_no_expected_time_teaches_nothing(measured):
    from dataclasses import replace

    odd = replace(measured, times={"steps": Measured(1.0, 0.0)})
    assert odd.time("steps") is None
    assert odd.time("decode") is None
