"""An entry is whole or not there; a run's link to it is replaced in one step; what changed is named."""

import pytest

from danlu.artefact import write_text
from danlu.run.measure import NAME, read
from danlu.run.store import Store, differences, linked


def test_an_entry_is_built_once_for_the_same_facts(tmp_path):
    store, built = Store(tmp_path / ".store"), []

    def work(part, meter):
        built.append(part)
        write_text(part / "result", "1")

    facts = {"a": 1, "b": [2]}
    for _ in range(2):
        store.build(store.entry("train", facts), facts, work)
    assert len(built) == 1
    assert store.entry("train", {"a": 1, "b": [3]}).folder != store.entry("train", facts).folder
    assert store.entry("train", facts).facts() == facts


def test_a_build_that_fails_leaves_no_entry_and_its_part_only_if_it_resumes(tmp_path):
    store = Store(tmp_path / ".store")

    def fail(part, meter):
        (part / "half").touch()
        raise RuntimeError

    for name, resumes in (("data", False), ("train", True)):
        entry = store.entry(name, {})
        with pytest.raises(RuntimeError):
            store.build(entry, {}, fail, resume=resumes)
        assert not entry.is_whole
        assert (entry.part / "half").is_file() == resumes


def test_cost_adds_up_over_attempts(tmp_path):
    store = Store(tmp_path / ".store")
    entry = store.entry("train", {})

    def spin(part, meter):
        while meter.cost().cpu_s < (0.1 if not (part / NAME).is_file() else 0.2):
            pass
        meter.write()
        if not (part / "again").is_file():
            (part / "again").touch()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        store.build(entry, {}, spin, resume=True)
    store.build(entry, {}, spin, resume=True)
    cost = read(entry.folder)
    assert cost.cpu_s >= 0.2
    assert cost.wall_s >= cost.cpu_s / 8
    assert cost.peak_rss_bytes > 1e6


def test_a_runs_link_follows_the_newest_entry(tmp_path):
    store = Store(tmp_path / "runs" / ".store")
    link = tmp_path / "runs" / "tutor" / "data"
    link.parent.mkdir(parents=True)
    for text in ("one", "two"):
        entry = store.entry("data", {"text": text})
        store.build(entry, {"text": text}, lambda part, meter, text=text: write_text(part / "rows", text))
        store.link(entry, link)
        assert (link / "rows").read_text() == text
        assert not link.readlink().is_absolute(), "a copied runs folder still works"
        assert linked(link).facts() == {"text": text}
    assert linked(link.with_name("nothing")) is None


def test_differences_are_named_by_their_place():
    old = {"recipe": {"lr": 1, "rank": 8}, "code": "x", "gone": 1}
    new = {"recipe": {"lr": 2, "rank": 8}, "code": "y"}
    assert list(differences(old, new)) == ["code", "gone", "recipe.lr"]
