"""Log-likelihood of given continuations. Each context is computed once, however many continuations it has.

T tokens of a forward pass, P predicted ones, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from danlu.errors import DanluError, DataError
from danlu.generation.protocol import Emit, Generator, Request, Scored, silent
from danlu.model import Decoder
from danlu.model.cached import SharedContext, filling

if TYPE_CHECKING:
    from danlu.tokens import Tokenizer

_TOKENS = 2048  # of one forward pass, at least one request
_BESIDE = 512  # tokens of continuations that may stand beside one another
_CHUNK = 256  # rows of logits held at once


def score(decoder: Decoder, requests: Sequence[Request], emit: Emit = silent) -> list[list[Scored]]:
    """For each (context, continuations): a score for each continuation, in order.

    Raises DanluError for an empty context, and for a request that the model's context cannot hold.
    """
    for number, (context, continuations) in enumerate(requests, start=1):
        longest = len(context) + max(map(len, continuations), default=0)
        if not context:
            raise DanluError(f"item {number}: the context is empty; begin it with the model's end-of-text token.")
        for ids in (context, *continuations):
            check_known(ids, decoder, number)
        if longest > decoder.config.max_positions:
            raise DanluError(
                f"item {number}: context and continuation have {longest} tokens, more than the model's "
                f"{decoder.config.max_positions} positions. Shorten it."
            )
    parts = [(number, part) for number, request in enumerate(requests) for part in _parts(request)]
    scored: dict[int, list[Scored]] = {}
    for batch in _batches([request for _, request in parts]):
        scored |= zip(batch, _score(decoder, [parts[i][1] for i in batch]), strict=True)
        emit("scored", {"done": len(scored), "total": len(parts)})
    results: list[list[Scored]] = [[] for _ in requests]
    for index, (number, _) in enumerate(parts):
        results[number] += scored[index]
    return results


def check_known(ids: Sequence[int], decoder: Decoder, number: int) -> None:
    """Raises DanluError for an id beyond the embedding's rows: the tokenizer grew, and the model did not."""
    if ids and (largest := max(ids)) >= decoder.config.vocab_size:
        raise DanluError(
            f"item {number}: token {largest} has no row in the embedding, which has {decoder.config.vocab_size:,}: the "
            "tokenizer is not the one that the model was made with. Take the model's own tokenizer.json."
        )


def score_texts(
    generator: Generator, tokenizer: Tokenizer, items: Sequence[Mapping[str, Any]], emit: Emit = silent
) -> list[list[Scored]]:
    """Score {"context", "continuations"} as texts, by lm-eval's convention.

    Context and continuation are tokenised as one string and split where the context's own tokens end; spaces at the
    context's end belong to the continuation. An empty context is the token that begins a text (else ends one).
    Source: `_encode_pair` of EleutherAI's lm-evaluation-harness. Raises DataError where a continuation leaves no token
    of its own (lm-eval scores it 0, above all others), and where a text spells a control token.
    """
    requests: list[Request] = []
    shapes: list[list[tuple[int, int]]] = []  # where each continuation of an item went
    for number, item in enumerate(items, start=1):
        contexts: dict[tuple[int, ...], int] = {}
        places = []
        for text in item["continuations"]:
            try:
                context, continuation = _encode_pair(tokenizer, item["context"], text)
            except ValueError as error:
                raise DataError(f"item {number}: {str(error).rstrip('.')}.") from error
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
            raise DataError("the context is empty, and the tokenizer has no token that begins or ends a text")
        return [first], tokenizer.encode(continuation)
    whole, border = tokenizer.encode(context + continuation), len(tokenizer.encode(context))
    if border >= len(whole):
        raise DataError(f"the tokenizer draws the continuation {continuation!r} into the context's last token")
    return whole[:border], whole[border:]


def _parts(request: Request) -> Iterator[Request]:
    """A context with as many continuations as should share it: each is masked from all others, at their price."""
    context, continuations = request
    limit = max(_BESIDE, len(context))
    part: list[Sequence[int]] = []
    for continuation in continuations:
        if part and sum(map(len, part)) + len(continuation) > limit:
            yield context, part
            part = []
        part.append(continuation)
    if part:
        yield context, part


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


@torch.inference_mode()
def _score(decoder: Decoder, requests: Sequence[Request]) -> list[list[Scored]]:
    attend = SharedContext([(len(c), [len(x) for x in cs]) for c, cs in requests])
    ids = torch.tensor([t for c, cs in requests for part in (c, *cs) for t in part])
    more = filling(len(ids), decoder.head_weight.dtype)
    hidden = decoder.hidden(pad(ids, (0, more)), pad(attend.positions, (0, more)), attend)  # (T, D)
    predicting, targets = _predictions(requests)
    logprobs = iter(_logprobs(decoder, hidden[predicting], ids[targets]))
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


def _logprobs(decoder: Decoder, hidden: Tensor, targets: Tensor) -> list[float]:
    """hidden (P, D), targets (P,) → P log-probabilities; the full logits are never held."""
    found: list[float] = []
    for rows, wanted in zip(hidden.split(_CHUNK), targets.split(_CHUNK), strict=True):
        more = filling(len(rows), rows.dtype)
        logits = decoder.logits(pad(rows, (0, 0, 0, more)))[: len(rows)].float()
        found += logits.log_softmax(-1).gather(1, wanted[:, None])[:, 0].tolist()
    return found
