"""Chat models: the template stands between messages and ids, streams come whole, endpoints fail in sentences."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from danlu.errors import EndpointError
from danlu.generation import EndpointChat, Engine, LocalChat, Sampling
from danlu.generation.chat import stream
from danlu.tokens import Renderer

HELLO = [{"role": "user", "content": "Hello there"}]


def test_a_local_reply_is_the_completion_of_the_rendered_prompt(tiny_base):
    engine, renderer = Engine.from_folder(tiny_base, precision="fp32"), Renderer.from_folder(tiny_base)
    sampling = Sampling(max_new_tokens=12, temperature=30, seed=2)
    (reply,) = LocalChat(engine, renderer).reply([HELLO], sampling)
    (done,) = engine.generate([renderer.prompt(HELLO)], sampling)
    assert (reply.text, reply.ids, reply.num_tokens) == (done.text.strip(), done.ids, len(done.ids))
    assert engine.stop_ids == frozenset(renderer.stop_ids)


def test_a_stream_says_what_the_whole_reply_says(tiny_base):
    engine, renderer = Engine.from_folder(tiny_base, precision="fp32"), Renderer.from_folder(tiny_base)
    for seed in range(5):
        sampling = Sampling(max_new_tokens=30, temperature=30, seed=seed)
        pieces = list(stream(engine, renderer, HELLO, sampling))
        (done,) = engine.generate([renderer.prompt(HELLO)], sampling)
        assert done.text.startswith("".join(pieces))
        assert done.text.removeprefix("".join(pieces)).strip("\ufffd") == "", (
            "only an unfinished character is kept back"
        )


class Server(ThreadingHTTPServer):
    """Answers chat completions as told: a list of (status, body), the last one for ever."""

    def __init__(self, answers):
        self.answers, self.asked = answers, []
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, self.headers.get("Authorization"), body))
        status, answer = self.server.answers.pop(0) if len(self.server.answers) > 1 else self.server.answers[0]
        if callable(answer):
            answer = answer(body)
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


def said(text, reason="stop"):
    return {"choices": [{"message": {"content": text}, "finish_reason": reason}], "usage": {"completion_tokens": 3}}


@pytest.fixture
def serving():
    servers = []

    def serve(*answers):
        server = Server(list(answers))
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        chat = EndpointChat(f"http://127.0.0.1:{server.server_port}/v1", "m", "secret", wait_s=0.01)
        servers.append((server, thread, chat))
        return server, chat

    yield serve
    for server, thread, chat in servers:
        chat.close()
        server.shutdown()
        server.server_close()
        thread.join()


def test_an_endpoint_is_asked_by_the_protocol_and_answers_in_order(serving):
    server, chat = serving((200, lambda body: said(body["messages"][0]["content"].upper())))
    replies = chat.reply(
        [[{"role": "user", "content": f"say {i}"}] for i in range(9)],
        Sampling(max_new_tokens=7, temperature=0.5, top_p=0.9, seed=3, stop=("x",)),
    )
    assert [reply.text for reply in replies] == [f"SAY {i}" for i in range(9)]
    path, key, body = server.asked[0]
    assert (path, key) == ("/v1/chat/completions", "Bearer secret")
    wanted = {"model": "m", "max_tokens": 7, "temperature": 0.5, "top_p": 0.9, "seed": 3, "stop": ["x"]}
    assert {name: body[name] for name in wanted} == wanted


def test_a_busy_endpoint_is_asked_again(serving):
    server, chat = serving((429, {}), (503, {}), (200, said("at last", "length")))
    (reply,) = chat.reply([HELLO], Sampling())
    assert (reply.text, reply.finish_reason, reply.num_tokens) == ("at last", "length", 3)
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ((401, {"error": "no key"}), r"refuses the request: 401 .*the key"),
        ((503, {}), r"answers 503, 5 times. Is the server running"),
        ((200, b"<html>"), "the answer is not JSON"),
        ((200, {"choices": []}), "the answer is no chat completion"),
    ],
)
def test_an_endpoint_that_fails_is_one_sentence(serving, answer, sentence):
    _, chat = serving(answer)
    with pytest.raises(EndpointError, match=sentence):
        chat.reply([HELLO], Sampling())


def test_nobody_listening_is_one_sentence():
    chat = EndpointChat("http://127.0.0.1:9/v1", "m", wait_s=0.001)
    with pytest.raises(EndpointError, match="does not answer"):
        chat.reply([HELLO], Sampling())
    with pytest.raises(EndpointError, match="min_p cannot be asked"):
        chat.reply([HELLO], Sampling(min_p=0.1))
    chat.close()
