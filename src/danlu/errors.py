"""What can go wrong for a user, one class per kind of mistake.

    DanluError (ValueError)      exit code 2: bad input
    ├── RecipeError              a recipe's key or value
    ├── DataError                a data file, a row in it
    ├── LocatorError             a base or file that cannot be found or fetched
    ├── CheckpointError          weights, tokenizer or configuration that cannot be read
    ├── TemplateError            a chat template, or messages that it cannot render
    ├── StorageError             a disk that is full or not writable
    ├── EndpointError            a remote model that does not answer as it should
    ├── Refusal                  exit code 3: one of the numbered refusals of docs/refusals.md
    ├── RunLocked                exit code 6: another process works on this run
    └── MissingExtra             exit code 7: an optional package is not installed

Everything else that escapes is a bug of danlu's (exit code 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

REFUSALS: Mapping[int, str] = MappingProxyType(
    {
        1: "a training row without a supervised token",
        2: "silent truncation",
        3: "a chat template that differs from the one trained with",
        4: "a supervised turn whose end-of-turn token is not supervised",
        5: "re-tokenised rollouts",
        6: "sampler and trainer logprobs that disagree",
        7: "a loss normalised by micro-batch",
        8: "packing that leaks between documents",
        9: "a resume with changed data, tokenizer or code",
        10: "a late out-of-memory",
        11: "tokenising inside a process group",
        12: "a recipe key that nothing reads",
        13: "an adapter lost in save or merge",
        14: "evaluation items found in the training data",
        15: "a claim without an interval, or a release that fails its guard",
        16: "data without a licence",
        17: "code from a model run outside a sandbox",
    }
)
ACCEPTABLE = frozenset({9, 14, 16})


class DanluError(ValueError):
    """A mistake that the user can mend; the message says what, where and how."""

    exit_code = 2


class RecipeError(DanluError):
    """A key or value of a recipe."""


class DataError(DanluError):
    """A data file, or a row in it."""


class LocatorError(DanluError):
    """A base or a file that cannot be found or fetched."""


class CheckpointError(DanluError):
    """Weights, tokenizer or configuration that cannot be read or used."""


class TemplateError(DanluError):
    """A chat template, or messages that it cannot render."""


class StorageError(DanluError):
    """A disk that is full or not writable."""


class EndpointError(DanluError):
    """A remote model that does not answer as it should."""


class Refusal(DanluError):  # noqa: N818  a refusal is danlu's word for it, not an error of the program
    """danlu declines to go on, because what follows would fail in silence. `number` is its contract."""

    exit_code = 3

    def __init__(self, number: int, message: str) -> None:
        assert number in REFUSALS
        super().__init__(message)
        self.number = number


class RunLocked(DanluError):  # noqa: N818
    """Another process works on this run."""

    exit_code = 6


class MissingExtra(DanluError):  # noqa: N818
    """An optional package is not installed."""

    exit_code = 7


@dataclass(frozen=True, slots=True)
class Waivers:
    """The refusals a user accepts for one run, each with a written reason (`--accept 14 --because "…"`)."""

    reasons: Mapping[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number, reason in self.reasons.items():
            if number not in ACCEPTABLE:
                allowed = ", ".join(map(str, sorted(ACCEPTABLE)))
                raise DanluError(f"refusal {number} cannot be accepted; only {allowed} can.")
            if not reason.strip():
                raise DanluError(f"--accept {number} needs --because with the reason in words.")

    def refuse(self, number: int, message: str) -> None:
        """Raise refusal `number`, unless it was accepted. How to accept it is added to the message."""
        if number in self.reasons:
            return
        if number in ACCEPTABLE:
            message += f' To go on all the same: --accept {number} --because "your reason".'
        raise Refusal(number, message)
