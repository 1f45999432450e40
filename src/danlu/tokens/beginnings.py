"""What documents begin with alike (a system prompt, say), which a micro-batch computes once: see docs/training.md."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_FAMILY = 8  # tokens: less is not worth sharing

Ids = NDArray[np.int32]


def shared_beginnings(documents: Sequence[Ids]) -> list[tuple[int, int]]:
    """(which document holds its beginning, how many tokens of it that are) for each; itself and 0 where it shares none.

    Documents whose first tokens agree form a family; all of a family share what all of it begin with.
    """
    families: dict[bytes, list[int]] = {}
    for number, ids in enumerate(documents):
        families.setdefault(ids[:_FAMILY].tobytes(), []).append(number)
    shares = [(number, 0) for number in range(len(documents))]
    for first, *others in families.values():
        alike = min((_alike(documents[first], documents[other]) for other in others), default=0)
        if alike >= _FAMILY:
            for other in others:
                shares[other] = (first, alike)
    return shares


def _alike(one: Ids, other: Ids) -> int:
    """Tokens that two documents begin with alike; each keeps at least one of its own."""
    most = min(len(one), len(other)) - 1
    differ = np.flatnonzero(one[:most] != other[:most])
    return int(differ[0]) if len(differ) else most
