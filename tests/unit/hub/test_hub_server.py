"""hf: against a small server on this machine that speaks the hub's API (HF_ENDPOINT)."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from danlu.errors import LocatorError
from danlu.hub import resolve

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "owner/tiny"
CARD = b"---\nlicense: apache-2.0\n---\n# Tiny\n"


class Hub(BaseHTTPRequestHandler):
    """/api/models/REPOSITORY/{revision,tree}/R lists the files, /REPOSITORY/resolve/R/FILE gives one."""

    files: dict[str, bytes]  # set by the fixture, on a subclass
    asked: list[str]

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        self.asked.append(f"{self.command} {self.path}")
        parts = self.path.split("?")[0].strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            return self.model("/".join(parts[2:4]), parts[4], parts[5])
        repository, revision, name = "/".join(parts[:2]), parts[3], "/".join(parts[4:])
        if self.known(repository, revision) and name in self.files:
            return self.answer(200, self.files[name], {"X-Repo-Commit": COMMIT})
        return self.answer(404, b"", {"X-Error-Code": "EntryNotFound"})

    def known(self, repository, revision):
        return repository == REPOSITORY and revision in {"main", "v1", COMMIT}

    def model(self, repository, view, revision):
        if repository == "owner/gated":
            return self.answer(403, b"{}", {"X-Error-Code": "GatedRepo"})
        if repository != REPOSITORY:
            return self.answer(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        if not self.known(repository, revision):
            return self.answer(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        if view == "tree":
            rows = [self.row(name, content) for name, content in self.files.items()]
            return self.answer(200, json.dumps(rows).encode(), {"Content-Type": "application/json"})
        siblings = [{"rfilename": name} for name in self.files]
        facts = {"id": REPOSITORY, "modelId": REPOSITORY, "sha": COMMIT, "siblings": siblings}
        facts |= {"private": False, "downloads": 0, "likes": 0, "tags": []}
        return self.answer(200, json.dumps(facts).encode(), {"Content-Type": "application/json"})

    def row(self, name, content):
        return {
            "type": "file",
            "path": name,
            "size": len(content),
            "oid": hashlib.sha1(content).hexdigest(),
        }

    def answer(self, status, body, headers):
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def hub(write, tmp_path, monkeypatch):
    folder = resolve(str(write()), cache=tmp_path / "made").folder
    files = {p.name: p.read_bytes() for p in folder.iterdir() if p.name != "danlu.json"}
    files |= {"README.md": CARD, "original/params.json": b"{}", "model.onnx": b"x"}
    handler = type("TinyHub", (Hub,), {"files": files, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    yield handler
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_revision_becomes_a_folder_named_by_its_commit(hub, tmp_path, heard):
    base = resolve(f"hf:{REPOSITORY}@v1", cache=tmp_path / "cache", emit=heard)
    assert base.source == f"hf:{REPOSITORY}@{COMMIT}"
    assert base.licence == "apache-2.0"
    assert (base.folder / "model.safetensors").read_bytes() == hub.files["model.safetensors"]
    assert [event for event, _ in heard] == ["fetch", "fetched"]


def test_only_the_files_that_make_a_base_are_fetched(hub, tmp_path):
    resolve(f"hf:{REPOSITORY}", cache=tmp_path / "cache")
    assert not [line for line in hub.asked if "onnx" in line or "original" in line]


def test_the_same_content_has_the_same_hash_here_and_there(hub, tmp_path):
    fetched = resolve(f"hf:{REPOSITORY}", cache=tmp_path / "cache")
    mine = tmp_path / "mine"
    mine.mkdir()
    for name, content in hub.files.items():
        if "/" not in name:
            (mine / name).write_bytes(content)
    assert resolve(str(mine)).sha256 == fetched.sha256


def test_a_cached_commit_needs_no_network(hub, tmp_path, monkeypatch):
    first = resolve(f"hf:{REPOSITORY}@{COMMIT}", cache=tmp_path / "cache")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert resolve(f"hf:{REPOSITORY}@{COMMIT}", cache=tmp_path / "cache") == first


def test_a_template_replaces_the_one_of_a_fetched_base(hub, tmp_path):
    (tmp_path / "mine.jinja").write_text("{{ messages[0].content }}!")
    template = tmp_path / "mine.jinja"
    base = resolve(f"hf:{REPOSITORY}", chat_template=template, cache=tmp_path / "cache")
    assert (base.folder / "model.safetensors").read_bytes() == hub.files["model.safetensors"]
    assert not (base.folder / "model.safetensors").is_symlink()


def test_what_the_hub_refuses_is_said_in_a_sentence(hub, tmp_path):
    for name, says in {
        "hf:owner/other": "the hub has no such model, or it is private",
        f"hf:{REPOSITORY}@v9": "the hub has no revision 'v9' of it",
        "hf:owner/gated": "is gated: accept its terms on the hub, then set HF_TOKEN",
    }.items():
        with pytest.raises(LocatorError, match=says):
            resolve(name, cache=tmp_path / "cache")


def test_a_model_without_a_tokenizer_is_said(hub, tmp_path):
    del hub.files["tokenizer.json"]
    with pytest.raises(LocatorError, match=r"not a complete Hugging Face checkpoint: tokenizer.json missing"):
        resolve(f"hf:{REPOSITORY}", cache=tmp_path / "cache")


def test_a_hub_that_does_not_answer_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(LocatorError, match=r"cannot be fetched: .*Check the network and HF_ENDPOINT"):
        resolve("hf:owner/tiny", cache=tmp_path / "cache")
