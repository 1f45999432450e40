"""The in-process engine: batched, with a cache of keys and values; results do not depend on who is in the batch.

Its heartbeat is three calls: schedule gives free slots to waiting sequences, run feeds every running one what it has
not seen, postprocess chooses the next tokens and lets go of what has ended.

T tokens of a forward pass, D width, V vocabulary.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from collections.abc import Sequence as Many
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from danlu.errors import DanluError, TemplateError
from danlu.generation import score
from danlu.generation.protocol import Completion, Emit, Request, Sampling, Scored, silent
from danlu.generation.sample import choose
from danlu.generation.sequence import Sequence
from danlu.model import Decoder, load
from danlu.model.cached import Cache, CachedAttention
from danlu.tokens import Renderer, Tokenizer

_TYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}
_PREFILL = 2048  # tokens of prompts in one forward pass, at least one prompt
_SHARED = 16  # a common beginning of fewer tokens is not worth a copy
_ROWS = 8  # products of one to three rows go through another kernel, which rounds otherwise


class Engine:
    """Completes and scores with one decoder on this machine's CPU.

    A sequence's tokens depend on its own prompt, sampling and place in the call. That rests on matrix products whose
    rows are computed alike whatever the number of rows is, which holds for the kernels of torch on x86 from 4 rows on
    (tested in bf16 and fp32); fewer are padded.
    """

    def __init__(self, decoder: Decoder, tokenizer: Tokenizer, *, stop_ids: Many[int], batch: int = 32) -> None:
        """stop_ids: tokens that end a reply. batch: sequences that are decoded together."""
        self.decoder, self.tokenizer, self.batch = decoder, tokenizer, batch
        self.stop_ids = frozenset(stop_ids)

    @classmethod
    def from_folder(cls, folder: Path, batch: int = 32, precision: Literal["bf16", "fp32"] = "bf16") -> Engine:
        """The engine of a checkpoint. Replies end where its chat template ends them, or at its end-of-text."""
        tokenizer = Tokenizer.from_folder(folder)
        try:
            stop_ids = Renderer.from_folder(folder).stop_ids
        except TemplateError:  # a base without a chat template completes text
            stop_ids = () if tokenizer.eos_id is None else (tokenizer.eos_id,)
        return cls(load(folder, _TYPES[precision]), tokenizer, stop_ids=stop_ids, batch=batch)

    def take_weights(self, folder: Path) -> None:
        """Go on with the weights of another checkpoint of the same shape. Raises DanluError for another shape."""
        fresh = load(folder, self.decoder.head_weight.dtype)
        if fresh.config != self.decoder.config:
            raise DanluError(f"{folder} has another shape than the model that runs; start a new engine for it.")
        self.decoder = fresh

    def generate(self, prompts: Many[Many[int]], sampling: Sampling, emit: Emit = silent) -> list[Completion]:
        """A completion for each prompt, in order. Raises DanluError for a prompt that the context cannot hold."""
        sequences = [self._sequence(i, prompt, sampling) for i, prompt in enumerate(prompts)]
        done = 0
        for stepped in self._heartbeats(sequences):
            ended = sum(sequence.finish_reason is not None for sequence in stepped)
            if ended:
                done += ended
                emit("generated", {"done": done, "total": len(sequences)})
        return [sequence.completion(self.tokenizer) for sequence in sequences]

    def stream(self, prompt: Many[int], sampling: Sampling) -> Iterator[int]:
        """The ids of one completion as they are chosen."""
        sequence = self._sequence(0, prompt, sampling)
        for _ in self._heartbeats([sequence]):
            yield sequence.ids[-1]

    def score(self, requests: Many[Request], emit: Emit = silent) -> list[list[Scored]]:
        """For each (context, continuations): a score for each continuation. Raises DanluError as `generate`."""
        return score.score(self.decoder, requests, emit)

    def _sequence(self, index: int, prompt: Many[int], sampling: Sampling) -> Sequence:
        limit = self.decoder.config.max_positions
        if not prompt:
            raise DanluError(f"item {index + 1}: the prompt is empty.")
        if len(prompt) + sampling.max_new_tokens > limit:
            raise DanluError(
                f"item {index + 1}: {len(prompt)} tokens of prompt and {sampling.max_new_tokens} to come are more than "
                f"the model's {limit} positions. Shorten the prompt, or lower max_new_tokens."
            )
        return Sequence(index, list(prompt), sampling)

    def _heartbeats(self, sequences: list[Sequence]) -> Iterator[list[Sequence]]:
        """Run until all have ended; after each beat, the sequences that got a token."""
        beat = _Beat(self, sequences)
        while beat.waiting or beat.running:
            admitted = beat.schedule()
            logits = beat.run(admitted)
            yield beat.postprocess(admitted or list(beat.running), logits)


class _Beat:
    """The state between two heartbeats: who waits, who runs, the cache."""

    def __init__(self, engine: Engine, sequences: list[Sequence]) -> None:
        self._decoder, self._tokenizer, self._stop_ids = engine.decoder, engine.tokenizer, engine.stop_ids
        self.waiting, self.running = deque(sequences), list[Sequence]()
        slots = min(engine.batch, len(sequences))
        self._cache = Cache(self._decoder.config, slots + 1, self._decoder.head_weight.dtype)
        self._free = list(range(slots - 1, -1, -1))
        self._shared = 0
        self._shared = self._prefill_shared([s.prompt for s in sequences], slots)

    def schedule(self) -> list[Sequence]:
        """Move waiting sequences into free slots, as many as one forward pass should hold."""
        admitted: list[Sequence] = []
        tokens = 0
        while self.waiting and self._free:
            sequence = self.waiting[0]
            new = len(sequence.prompt) - self._shared
            if admitted and tokens + new > _PREFILL:
                break
            tokens += new
            sequence.slot, sequence.cached = self._free.pop(), self._shared
            self._cache.copy(self._cache.slots - 1, sequence.slot, self._shared)
            admitted.append(self.waiting.popleft())
        self.running += admitted
        return admitted

    def run(self, admitted: list[Sequence]) -> Tensor:
        """Logits (N, V) float32 after the pending tokens of the admitted sequences, or of all if there are none."""
        stepped = admitted or self.running
        rows = {s.slot: (s.slot, s.cached, s.pending) for s in stepped}
        used = max(rows) + 1
        if not admitted and 2 * len(rows) > used:  # idle slots come along, so that the cache is read in place
            rows = {slot: rows.get(slot, (slot, 0, [0])) for slot in range(used)}
        order = {slot: row for row, slot in enumerate(rows)}
        logits = self._forward(list(rows.values()))[[order[s.slot] for s in stepped]]
        for sequence in stepped:
            sequence.cached += len(sequence.pending)
        return logits

    def postprocess(self, stepped: list[Sequence], logits: Tensor) -> list[Sequence]:
        """Choose a token for each, and free the slots of those that ended."""
        greedy = logits.argmax(-1).tolist()
        tokens = [
            token if s.sampling.temperature == 0 else choose(row, s.sampling, s.draws)
            for s, token, row in zip(stepped, greedy, logits, strict=True)
        ]
        chosen = logits.gather(1, torch.tensor(tokens)[:, None])[:, 0]
        logprobs = (chosen - logits.logsumexp(-1)).tolist()
        for sequence, token, logprob in zip(stepped, tokens, logprobs, strict=True):
            sequence.add(token, logprob, self._stop_ids, self._tokenizer)
            if sequence.finish_reason is not None:
                self._free.append(sequence.slot)
        self.running = [s for s in self.running if s.finish_reason is None]
        return stepped

    def _prefill_shared(self, prompts: list[list[int]], slots: int) -> int:
        """Compute what all prompts begin with once, in the last slot; how many tokens that is."""
        if len(prompts) < 2:
            return 0
        shared = _common(prompts)
        if shared < _SHARED:
            return 0
        self._forward([(slots, 0, prompts[0][:shared])])
        return shared

    @torch.no_grad()
    def _forward(self, rows: list[tuple[int, int, list[int]]]) -> Tensor:
        """rows: (slot, positions filled, new tokens) → logits (N, V) float32 after each row's last token."""
        tokens = [token for _, _, new in rows for token in new]
        padding = max(0, _ROWS - len(tokens))
        spare = self._cache.slots - 1
        # padding goes where nobody looks: behind what the spare slot holds
        filled = [*rows, (spare, self._shared, [0] * padding)] if padding else rows
        slots, starts, news = zip(*filled, strict=True)
        attend = CachedAttention(self._cache, slots, starts, [len(new) for new in news])
        ids = torch.tensor([token for new in news for token in new])
        hidden = self._decoder.hidden(ids, attend.positions, attend)
        last = torch.tensor([len(new) for new in news]).cumsum(0) - 1
        last = torch.cat((last, last[-1:].expand(max(0, _ROWS - len(last)))))
        return self._decoder.logits(hidden[last]).float()[: len(rows)]


def _common(prompts: list[list[int]]) -> int:
    """Length of what all begin with; the last token of each stays out, for its logits are wanted."""
    first, last = min(prompts), max(prompts)
    limit = min(map(len, prompts)) - 1
    return next((i for i in range(limit) if first[i] != last[i]), limit)
