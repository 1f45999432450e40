"""The in-process engine: batched, with a cache of keys and values; results do not depend on who is in the batch.

Its heartbeat is three calls: schedule gives free slots to waiting sequences, run feeds every running one what it has
not seen, postprocess chooses the next tokens and lets go of what has ended.

T tokens of a forward pass, D width, V vocabulary.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from collections.abc import Sequence as Many
from itertools import accumulate
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import pad

from danlu.errors import DanluError, TemplateError
from danlu.generation import score
from danlu.generation.protocol import Completion, Emit, Request, Sampling, Scored, silent
from danlu.generation.sample import choose
from danlu.generation.sequence import Sequence
from danlu.model import Decoder, load
from danlu.model.cached import Cache, DecodeAttention, PrefillAttention, filling
from danlu.model.packed import pack
from danlu.tokens import Renderer, Tokenizer

_TYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}
_PREFILL = 2048  # tokens of prompts in one forward pass, at least one prompt
_SHARED = 16  # a common beginning of fewer tokens is not worth a copy
_CACHE_BYTES = 1 << 30  # of keys and values; longer sequences run fewer at a time


class Engine:
    """Completes and scores with one decoder on this machine's CPU.

    A sequence's tokens and their log-probabilities depend, to the bit, on its own prompt, sampling and place in the
    call, and on torch's kernels and number of threads; not on what else is asked or how much at a time. How that
    comes about stands in `model/cached.py`.
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
        return cls(pack(load(folder, _TYPES[precision])), tokenizer, stop_ids=stop_ids, batch=batch)

    @property
    def max_positions(self) -> int:
        """Tokens that the model's context holds."""
        return self.decoder.config.max_positions

    def take_weights(self, folder: Path) -> None:
        """Go on with the weights of another checkpoint of the same shape. Raises DanluError for another shape."""
        fresh = load(folder, self.decoder.head_weight.dtype)
        if fresh.config != self.decoder.config:
            raise DanluError(f"{folder} has another shape than the model that runs; start a new engine for it.")
        self.decoder = pack(fresh)

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
        score.check_known(prompt, self.decoder, index + 1)
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
    """The state between two heartbeats: who waits, who runs, the cache. Running sequences fill the first slots."""

    def __init__(self, engine: Engine, sequences: list[Sequence]) -> None:
        self._decoder, self._tokenizer, self._stop_ids = engine.decoder, engine.tokenizer, engine.stop_ids
        self.waiting, self.running = deque(sequences), list[Sequence]()
        dtype = self._decoder.head_weight.dtype
        longest = max((len(s.prompt) + s.sampling.max_new_tokens for s in sequences), default=1)
        affordable = _CACHE_BYTES // Cache.slot_bytes(self._decoder.config, dtype, longest)
        self._slots = max(1, min(engine.batch, len(sequences), affordable))
        self._shared = _common([s.prompt for s in sequences])
        self._cache = Cache(self._decoder.config, self._slots + (self._shared > 0), dtype)  # its slot is the last
        if self._shared:
            self._prefill([(self._slots, 0, sequences[0].prompt[: self._shared])])

    @torch.inference_mode()
    def schedule(self) -> list[Sequence]:
        """Move waiting sequences into free slots, as many as one forward pass should hold."""
        admitted: list[Sequence] = []
        tokens = 0
        while self.waiting and len(self.running) < self._slots:
            tokens += len(self.waiting[0].prompt) - self._shared
            if admitted and tokens > _PREFILL:
                break
            sequence = self.waiting.popleft()
            sequence.slot, sequence.cached = len(self.running), self._shared
            if self._shared:
                self._cache.copy(self._slots, sequence.slot, self._shared)
            self.running.append(sequence)
            admitted.append(sequence)
        return admitted

    def run(self, admitted: list[Sequence]) -> Tensor:
        """Logits (N, V) float32 after the pending tokens of the admitted sequences, or of all if there are none."""
        if admitted:
            return self._prefill([(s.slot, s.cached, s.pending) for s in admitted])
        attend = DecodeAttention(self._cache, [s.cached for s in self.running])
        return self._forward([s.ids[-1] for s in self.running], attend, range(len(self.running)))

    @torch.inference_mode()
    def postprocess(self, stepped: list[Sequence], logits: Tensor) -> list[Sequence]:
        """Choose a token for each, and let the last slots' sequences take the places of those that ended."""
        greedy = logits.argmax(-1).tolist()
        tokens = [
            token if s.sampling.temperature == 0 else choose(row, s.sampling, s.draws)
            for s, token, row in zip(stepped, greedy, logits, strict=True)
        ]
        # log_softmax takes rows one by one; logsumexp sums a lone row in another order
        logprobs = logits.log_softmax(-1).gather(1, torch.tensor(tokens)[:, None])[:, 0].tolist()
        for sequence, token, logprob in zip(stepped, tokens, logprobs, strict=True):
            sequence.cached += len(sequence.pending)
            sequence.add(token, logprob, self._stop_ids, self._tokenizer)
        for slot in reversed(range(len(self.running))):
            if self.running[slot].finish_reason is not None:
                last = self.running.pop()
                if slot < len(self.running):
                    self._cache.copy(last.slot, slot, last.cached)
                    self.running[slot], last.slot = last, slot
        return stepped

    def _prefill(self, rows: Many[tuple[int, int, list[int]]]) -> Tensor:
        """rows: (slot, positions filled, new tokens) → logits (N, V) float32 after each row's last token."""
        slots, starts, news = zip(*rows, strict=True)
        lengths = [len(new) for new in news]
        attend = PrefillAttention(self._cache, slots, starts, lengths)
        return self._forward([token for new in news for token in new], attend, [n - 1 for n in accumulate(lengths)])

    @torch.inference_mode()
    def _forward(self, tokens: list[int], attend: PrefillAttention | DecodeAttention, wanted: Many[int]) -> Tensor:
        """Logits (N, V) float32 at the N wanted tokens."""
        dtype = self._decoder.head_weight.dtype
        more = filling(len(tokens), dtype)
        ids, positions = torch.tensor(tokens + [0] * more), pad(attend.positions, (0, more))
        hidden = self._decoder.hidden(ids, positions, attend)[torch.tensor(wanted)]
        hidden = pad(hidden, (0, 0, 0, filling(len(wanted), dtype)))
        return self._decoder.logits(hidden)[: len(wanted)].float()


def _common(prompts: list[list[int]]) -> int:
    """Length of what all begin with, where a copy is worth it; each prompt's last token stays out: its logits are
    wanted."""
    if len(prompts) < 2:
        return 0
    first, last = min(prompts), max(prompts)
    limit = min(map(len, prompts)) - 1
    length = next((i for i in range(limit) if first[i] != last[i]), limit)
    return length if length >= _SHARED else 0
