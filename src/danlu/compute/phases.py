"""Memory phase by phase and item by item: the peak is the largest phase, not their sum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of every item in every phase, on the fullest device."""

    phases: Mapping[str, Mapping[str, float]]

    def of(self, phase: str) -> float:
        """The sum of one phase."""
        return sum(self.phases[phase].values())

    @property
    def peak_phase(self) -> str:
        """The phase that needs most."""
        return max(self.phases, key=self.of)

    @property
    def peak_bytes(self) -> float:
        """What that phase needs."""
        return self.of(self.peak_phase)

    @property
    def items(self) -> Mapping[str, float]:
        """Of the peak, largest first."""
        return dict(sorted(self.phases[self.peak_phase].items(), key=lambda item: -item[1]))
