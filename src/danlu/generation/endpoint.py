"""A chat model behind any OpenAI-compatible endpoint: POST {url}/chat/completions.

Source: the OpenAI API reference, "Create chat completion", which vLLM, llama.cpp, Ollama and others follow.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from danlu.errors import EndpointError
from danlu.generation.chat import Reply
from danlu.generation.protocol import Emit, Sampling, silent
from danlu.tokens import Message

_AGAIN = frozenset({408, 409, 429, 500, 502, 503, 504})
_TRIES = 5


class EndpointChat:
    """Replies of a remote model; `concurrency` conversations are asked at once."""

    def __init__(
        self,
        url: str,
        model: str,
        key: str | None = None,
        *,
        concurrency: int = 4,
        timeout_s: float = 120.0,
        wait_s: float = 1.0,
    ) -> None:
        """url: up to and with /v1. wait_s: before the second try; it doubles with each."""
        self._url, self._model, self._wait_s = url.rstrip("/") + "/chat/completions", model, wait_s
        self._concurrency = concurrency
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(headers=headers, timeout=timeout_s)

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def reply(self, conversations: Sequence[Sequence[Message]], sampling: Sampling, emit: Emit = silent) -> list[Reply]:
        """A reply to each conversation, in order.

        Busy and broken servers are asked again, five times in all. Raises EndpointError for what stays so, and for
        settings that the protocol cannot carry (min_p).
        """
        if sampling.min_p > 0:
            raise EndpointError("min_p cannot be asked of an OpenAI-compatible endpoint; use top_p.")
        replies: list[Reply] = []
        with ThreadPoolExecutor(self._concurrency) as pool:
            for reply in pool.map(lambda messages: self._ask(messages, sampling), conversations):
                replies.append(reply)
                emit("generated", {"done": len(replies), "total": len(conversations)})
        return replies

    def _ask(self, messages: Sequence[Message], sampling: Sampling) -> Reply:
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [dict(message) for message in messages],
            "max_tokens": sampling.max_new_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": sampling.seed,
        }
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        answer = self._post(body)
        try:
            choice = answer["choices"][0]
            text = choice["message"]["content"] or ""
            cut = choice.get("finish_reason") == "length"
            count = int((answer.get("usage") or {}).get("completion_tokens") or 0)
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise EndpointError(f"{self._url}: the answer is no chat completion ({str(answer)[:120]}).") from error
        return Reply(text.strip(), "length" if cut else "stop", count)

    def _post(self, body: Mapping[str, Any]) -> Any:
        problem = ""
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(self._wait_s * 2 ** (attempt - 1))
            try:
                response = self._client.post(self._url, json=body)
            except httpx.HTTPError as error:
                problem = f"does not answer ({error or type(error).__name__})"
                continue
            if response.status_code in _AGAIN:
                problem = f"answers {response.status_code}"
                continue
            if response.status_code != 200:
                raise EndpointError(
                    f"{self._url} refuses the request: {response.status_code} {response.text[:200].strip()}. "
                    "Check the address, the model's name and the key."
                )
            try:
                return response.json()
            except ValueError as error:
                raise EndpointError(f"{self._url}: the answer is not JSON ({response.text[:80]!r}).") from error
        raise EndpointError(f"{self._url} {problem}, {_TRIES} times. Is the server running?")
