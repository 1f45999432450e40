"""What a case of silent failure is, and what one finds when danlu or a peer is given it.

A fixture is a folder: base/ (a tiny Llama in the Hugging Face layout, with tokenizer and chat template), train.jsonl
(rows with `messages`), eval.jsonl for some, and settings.json (`material.Settings`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from silent.peers import Run

Outcome = Literal["refused", "handled", "warned", "missed", "not applicable", "not run here"]
CAUGHT = frozenset({"refused", "handled", "warned"})


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of it. said: the sentence that was shown, or the evidence in a few words; refusal: danlu's number."""

    outcome: Outcome
    said: str
    refusal: int | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One way to fail in silence.

    failure: how it goes wrong, one sentence. seen: how one sees that it did. refusal: danlu's number, if it is one of
    the seventeen. thread: where it hurt people, "" where none was found. fixture: writes the input into a folder.
    danlu: runs danlu on it and looks at the evidence. peer: judges a peer's run on the same fixture, or says in words
    why the case does not concern peers ("not run here: …" where it does, but needs more than a run). want: what a run
    must bring back, of "batches", "leak", "losses", "model".
    """

    name: str
    failure: str
    seen: str
    refusal: int | None
    thread: str
    fixture: Callable[[Path], None]
    danlu: Callable[[Path], Finding]
    peer: Callable[[Run], Finding] | str
    want: frozenset[str] = frozenset({"batches"})
