"""`--accept NUMBER --because "TEXT"`: how a command takes refusals that its user accepts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from danlu.errors import DanluError, Waivers

Accept = Annotated[
    list[int] | None, typer.Option("--accept", help="Number of a refusal to accept (9, 14 or 16); needs --because.")
]
Because = Annotated[
    list[str] | None, typer.Option("--because", help="The reason, in words; it is printed at the top of the report.")
]


def waivers(accept: Sequence[int] | None, because: Sequence[str] | None) -> Waivers:
    """Pair each number with its reason."""
    numbers, reasons = list(accept or ()), list(because or ())
    if len(numbers) != len(reasons):
        raise DanluError(f"{len(numbers)} times --accept but {len(reasons)} times --because: each needs the other.")
    return Waivers(dict(zip(numbers, reasons, strict=True)))
