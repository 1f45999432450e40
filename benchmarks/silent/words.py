"""Token ids as text: what stands in a row that a trainer sees, and which of it is supervised."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from silent import judge, material, ours
from silent.case import Finding, Run

_LEFT_OUT = re.compile(r"\b(?:Dropped|Skipped|Filtered|Removed) [1-9]\d* .*")


@dataclass(frozen=True)
class Seen:
    """One row without its padding. labels: −100 where nothing is learned, as Hugging Face's trainers have them."""

    ids: tuple[int, ...]
    labels: tuple[int, ...]
    specials: tuple[str, ...] = material.SPECIALS

    @property
    def text(self) -> str:
        """All of it, special tokens written out."""
        return spell(self.ids, self.specials)

    @property
    def supervised(self) -> list[str]:
        """Each run of supervised tokens; what they are predicted to be, which is their labels."""
        runs = groupby(zip(self.ids, self.labels, strict=True), key=lambda pair: pair[1] != -100)
        return [spell([label for _, label in run], self.specials) for told, run in runs if told]


@functools.cache
def _alphabet() -> tuple[str, ...]:
    from tokenizers import pre_tokenizers

    return tuple(sorted(pre_tokenizers.ByteLevel.alphabet()))


def spell(ids: Iterable[int], specials: Sequence[str] = material.SPECIALS) -> str:
    """Text of a tiny base's ids, told from the order in which `material.write_base` numbers them."""
    from tokenizers import decoders

    names = [*specials, *_alphabet()]
    decoder = decoders.ByteLevel()
    runs = groupby(ids, key=lambda i: len(specials) <= i < len(names))
    said = [
        decoder.decode([names[i] for i in run])
        if plain
        else "".join(names[i] if i < len(names) else f"<{i}>" for i in run)
        for plain, run in runs
    ]
    return "".join(said)


def of_danlu(folder: Path, specials: Sequence[str] = material.SPECIALS, **how: Any) -> list[Seen]:
    """The rows that danlu builds from a fixture."""
    documents = ours.build(folder, **how).documents()
    return [
        Seen(
            tuple(d.ids.tolist()),
            tuple(i if told and k else -100 for k, (i, told) in enumerate(zip(d.ids.tolist(), d.mask, strict=True))),
            tuple(specials),
        )
        for d in documents
    ]


def of_peer(run: Run, specials: Sequence[str] = material.SPECIALS) -> list[Seen]:
    """The rows of a peer's first epoch, padding taken off by its own attention mask."""
    rows = []
    for batch in run.batches:
        masks = batch["attention_mask"] or [[1] * len(ids) for ids in batch["input_ids"]]
        for ids, labels, mask in zip(batch["input_ids"], batch["labels"], masks, strict=True):
            kept = [i for i, real in enumerate(mask) if real]
            rows.append(Seen(tuple(ids[i] for i in kept), tuple(labels[i] for i in kept), tuple(specials)))
    return rows


def judged(
    look: Callable[[list[Seen]], tuple[bool, str]], *telling: str, specials: Sequence[str] = material.SPECIALS
) -> Callable[[Run], Finding]:
    """A judgement on a peer's rows. look: (whether they are right, the evidence); telling: words of a warning."""

    def judgement(run: Run) -> Finding:
        if found := judge.missing(run, "batches"):
            return found
        right, said = look(of_peer(run, specials))
        if not right and telling and (warning := judge.told(_without_notices(run), *telling) or _counted(run, telling)):
            return Finding("warned", warning)
        return ours.proven(right, said, said)

    return judgement


def _counted(run: Run, telling: Sequence[str]) -> str | None:
    """A line of the log that counts what was left out: a user who reads it has been told."""
    found = _LEFT_OUT.search(run.log) if "dropped" in telling else None
    return found and found.group()


def _without_notices(run: Run) -> Run:
    """Without what a library says of its own future."""
    return replace(run, warnings=[text for text in run.warnings if "deprecat" not in text.lower()])


def shortly(texts: Sequence[str], most: int = 60) -> str:
    """The first of some texts, for a table."""
    if not texts:
        return "nothing"
    return repr(texts[0] if len(texts[0]) <= most else texts[0][: most - 1] + "…")
