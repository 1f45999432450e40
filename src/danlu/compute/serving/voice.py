"""A voice turn's time: from the end of a person's speech to the first sound of the answer.

Sources: people answer each other after 208 ms on average (Stivers et al. 2009, PNAS 106(26)); GPT-4o: 232 ms at least,
320 ms on average end to end, and 2.8 s for its cascaded predecessor (system card, arXiv 2410.21276); Moshi: frames of
80 ms, 160 ms by design, 200 ms in practice (Défossez et al. 2024, arXiv 2410.00037). The parts of a cascade are typical
of published budgets of voice services: silence 300 to 800 ms, final transcript 80 to 300, first sound 75 to 250.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from danlu.errors import RecipeError

NATURAL_S = 0.3  # the talk's aim, and what listeners still take for natural


@dataclass(frozen=True, slots=True)
class Turn:
    """Seconds by part, in order. interrupted_s: from a person's first word over the answer until it is silent."""

    parts: Mapping[str, float]
    interrupted_s: float

    @property
    def total_s(self) -> float:
        """Until the first sound."""
        return sum(self.parts.values())

    @property
    def words(self) -> str:
        """A sentence."""
        longest = max(self.parts, key=lambda part: self.parts[part])
        return (
            f"{1e3 * self.total_s:.0f} ms to the first sound, most of it {longest} "
            f"({1e3 * self.parts[longest]:.0f} ms); silent {1e3 * self.interrupted_s:.0f} ms after an interruption."
        )


@dataclass(frozen=True, slots=True)
class Cascade:
    """Speech to text, a language model, text to speech. Seconds, unless told otherwise.

    endpoint_s: silence until speech counts as ended. transcript_s: from there to the final text. first_tokens: that
    the model writes before speech can begin. speech_s: from text to sound. network_s: both ways. playout_s: the
    listener's buffer. detect_s: speech that counts as an interruption.
    """

    endpoint_s: float = 0.4
    transcript_s: float = 0.1
    first_tokens: float = 10.0
    speech_s: float = 0.15
    network_s: float = 0.06
    playout_s: float = 0.04
    detect_s: float = 0.2

    def __post_init__(self) -> None:
        _positive(self)

    def turn(self, ttft_s: float, tpot_s: float) -> Turn:
        """With a model's time to first token and time per token."""
        return Turn(
            MappingProxyType(
                {
                    "end of speech": self.endpoint_s,
                    "transcript": self.transcript_s,
                    "first token": ttft_s,
                    "first words": max(self.first_tokens - 1, 0) * tpot_s,
                    "speech": self.speech_s,
                    "network": self.network_s,
                    "playout": self.playout_s,
                }
            ),
            interrupted_s=self.detect_s + self.network_s + self.playout_s,
        )


@dataclass(frozen=True, slots=True)
class EndToEnd:
    """One model hears and speaks. frame_s: of sound, heard and spoken at once; delay_frames: by which sound follows.

    It decides itself when to speak, so that no silence is waited for; it hears while it speaks, so that one frame is
    enough to fall silent.
    """

    frame_s: float = 0.08
    delay_frames: float = 1.0
    network_s: float = 0.06
    playout_s: float = 0.04

    def __post_init__(self) -> None:
        _positive(self)

    def turn(self, step_s: float) -> Turn:
        """step_s: of the model for one frame, which must be below frame_s. Raises RecipeError where it falls behind."""
        if step_s > self.frame_s:
            raise RecipeError(
                f"a step of {1e3 * step_s:.0f} ms for frames of {1e3 * self.frame_s:.0f} ms falls behind the speaker; "
                f"the model has to take at most {1e3 * self.frame_s:.0f} ms."
            )
        return Turn(
            MappingProxyType(
                {
                    "frame heard": self.frame_s,
                    "model": step_s,
                    "frames between": self.delay_frames * self.frame_s,
                    "network": self.network_s,
                    "playout": self.playout_s,
                }
            ),
            interrupted_s=self.frame_s + step_s + self.network_s + self.playout_s,
        )


def _positive(record: Cascade | EndToEnd) -> None:
    for name in record.__dataclass_fields__:
        if getattr(record, name) < 0:
            raise RecipeError(f"{name}={getattr(record, name):g} is below zero; the least is 0.")
