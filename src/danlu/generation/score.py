"""Log-likelihood of given continuations. Each context is computed once, however many continuations it has.

T tokens of a forward pass, P predicted ones, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from danlu.errors import DanluError
from danlu.generation.protocol import Emit, Generator, Request, Scored, silent
from danlu.model import Decoder
from danlu.model.cached import SharedContext

if TYPE_CHECKING:
    from danlu.tokens import Tokenizer

_TOKENS = 2048  # of one forward pass, at least one request
_CHUNK = 256  # rows of logits held at once
_ROWS = 8  # products of one to three rows round otherwise


def score(decoder: Decoder, requests: Sequence[Request], emit: Emit = silent) -> list[list[Scored]]:
    """For each (context, continuations): a score for each continuation, in order.

    Raises DanluError for an empty context, and for a request that the model's context cannot hold.
    """
    for number, (context, continuations) in enumerate(requests, start=1):
        longest = len(context) + max(map(len, continuations), default=0)
        if not context:
            raise DanluError(f"item {number}: the context is empty; begin it with the model's end-of-text token.")
        if longest > decoder.config.max_positions:
            raise DanluError(
                f"item {number}: context and continuation have {longest} tokens, more than the model's "
                f"{decoder.config.max_positions} positions. Shorten it."
            )
    scored: dict[int, list[Scored]] = {}
    for batch in _batches(requests):
        scored |= zip(batch, _score(decoder, [requests[i] for i in batch]), strict=True)
        emit("scored", {"done": len(scored), "total": len(requests)})
    return [scored[index] for index in range(len(requests))]


def score_texts(
    generator: Generator, tokenizer: Tokenizer, items: Sequence[Mapping[str, Any]], emit: Emit = silent
) -> list[list[Scored]]:
    """Score {"context", "continuations"} as texts, by lm-eval's convention.

    Context and continuation are tokenised as one string and split where the context's own tokens end; spaces at the
    context's end belong to the continuation. An empty context is the token that begins a text (else ends one).
    Source: `_encode_pair` of EleutherAI's lm-evaluation-harness.
    """
    requests: list[Request] = []
    shapes: list[list[tuple[int, int]]] = []  # where each continuation of an item went
    for item in items:
        contexts: dict[tuple[int, ...], int] = {}
        places = []
        for text in item["continuations"]:
            context, continuation = _encode_pair(tokenizer, item["context"], text)
            # a merge across the border can give two continuations two contexts
            if (key := tuple(context)) not in contexts:
                contexts[key] = len(requests)
                requests.append((context, []))
            own: list[Sequence[int]] = requests[contexts[key]][1]  # type: ignore[assignment]
            places.append((contexts[key], len(own)))
            own.append(continuation)
        shapes.append(places)
    scored = generator.score(requests, emit)
    return [[scored[request][place] for request, place in places] for places in shapes]


def _encode_pair(tokenizer: Tokenizer, context: str, continuation: str) -> tuple[list[int], list[int]]:
    spaces = len(context) - len(context.rstrip())
    if spaces:
        context, continuation = context[:-spaces], context[-spaces:] + continuation
    if not context:
        first = tokenizer.bos_id if tokenizer.bos_id is not None else tokenizer.eos_id
        if first is None:
            raise DanluError("the context is empty, and the tokenizer has no token that begins or ends a text.")
        return [first], tokenizer.encode(continuation)
    whole, border = tokenizer.encode(context + continuation), len(tokenizer.encode(context))
    return whole[:border], whole[border:]


def _batches(requests: Sequence[Request]) -> Iterator[list[int]]:
    """Requests of similar length together: they are padded to one."""
    sizes = [len(context) + sum(map(len, continuations)) for context, continuations in requests]
    batch: list[int] = []
    for index in sorted(range(len(requests)), key=lambda i: (-sizes[i], i)):
        if batch and (len(batch) + 1) * sizes[batch[0]] > _TOKENS:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


@torch.no_grad()
def _score(decoder: Decoder, requests: Sequence[Request]) -> list[list[Scored]]:
    attend = SharedContext([(len(c), [len(x) for x in cs]) for c, cs in requests])
    ids = torch.tensor([t for c, cs in requests for part in (c, *cs) for t in part])
    if len(ids) < _ROWS:
        return _score(decoder, [*requests, ([0] * _ROWS, [])])[: len(requests)]
    hidden = decoder.hidden(ids, attend.positions, attend)  # (T, D)
    predicting, targets = _predictions(requests)
    logprobs = iter(_logprobs(decoder, hidden[predicting], ids[targets]).tolist())
    return [
        [Scored(sum(next(logprobs) for _ in continuation), len(continuation)) for continuation in continuations]
        for _, continuations in requests
    ]


def _predictions(requests: Sequence[Request]) -> tuple[Tensor, Tensor]:
    """Where each continuation's tokens are predicted from, and where they stand; both (P,)."""
    predicting: list[int] = []
    targets: list[int] = []
    start = 0
    for context, continuations in requests:
        last = start + len(context) - 1
        start += len(context)
        for continuation in continuations:
            own = range(start, start + len(continuation))
            predicting += [last, *own][: len(own)]
            targets += own
            start += len(own)
    return torch.tensor(predicting, dtype=torch.long), torch.tensor(targets, dtype=torch.long)


def _logprobs(decoder: Decoder, hidden: Tensor, targets: Tensor) -> Tensor:
    """hidden (P, D), targets (P,) → (P,) float32; the full logits are never held."""
    parts = [torch.empty(0)]
    for rows, wanted in zip(hidden.split(_CHUNK), targets.split(_CHUNK), strict=True):
        padded = torch.cat((rows, rows[-1:].expand(max(0, _ROWS - len(rows)), -1)))
        logits = decoder.logits(padded).float()[: len(rows)]
        parts.append(logits.gather(1, wanted[:, None])[:, 0] - logits.logsumexp(-1))
    return torch.cat(parts)
