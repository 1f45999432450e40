"""A stage's fingerprint sees the sources that it imports, and no others."""

import pytest

from danlu.run import fingerprint


@pytest.fixture
def package(tmp_path, monkeypatch):
    root = tmp_path / "danlu"
    files = {
        "__init__.py": "",
        "a/__init__.py": "",
        "a/one.py": "from danlu.b import two\n",
        "b/__init__.py": "",
        "b/two.py": "def f():\n    from danlu.c import late\n",
        "c/__init__.py": "",
        "c/late.py": "",
        "c/prose.txt": "",
        "d/__init__.py": "",
        "d/apart.py": "from danlu.a import one\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    monkeypatch.setattr(fingerprint, "_PACKAGE", root)

    def taken():
        fingerprint._imports.cache_clear()
        fingerprint._digest.cache_clear()
        return fingerprint.code_fingerprint("danlu.a.one")

    yield root, taken
    fingerprint._imports.cache_clear()
    fingerprint._digest.cache_clear()


@pytest.mark.parametrize("changed", ["a/one.py", "a/__init__.py", "b/two.py", "c/late.py", "c/prose.txt"])
def test_it_changes_with_what_is_imported_directly_late_or_shipped(package, changed):
    root, taken = package
    before = taken()
    with (root / changed).open("a") as file:
        file.write("# changed")
    assert taken() != before


def test_it_does_not_change_with_anything_else(package):
    root, taken = package
    before = taken()
    (root / "d" / "apart.py").write_text("x = 1\n")
    assert taken() == before


def test_a_change_in_training_leaves_the_data_alone(monkeypatch):
    modules = {name: fingerprint.code_fingerprint(f"danlu.run.stages.{name}") for name in ("data", "train", "evaluate")}
    digest = fingerprint._digest
    monkeypatch.setattr(fingerprint, "_digest", lambda path: "x" if path.parent.name == "training" else digest(path))
    again = {name: fingerprint.code_fingerprint(f"danlu.run.stages.{name}") for name in modules}
    assert [name for name in modules if modules[name] != again[name]] == ["train"]
