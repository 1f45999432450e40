"""Stages in a store keyed by content: built once, reused by every run that needs the same.

runs/.store/train-3f2a91c04b1d7e55/      an entry: whole, or not there
    .key.json                            what it depends on
    .measured.json                       what it cost
runs/.store/.train-3f2a….part/           an entry under way
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from danlu.artefact import hash_value, read_json, storing, write_json
from danlu.hub.store import build_once
from danlu.run.measure import Meter

_KEY = ".key.json"


@dataclass(frozen=True, slots=True)
class Entry:
    """Where the result for some facts stands, or will stand."""

    folder: Path
    key: str

    @property
    def part(self) -> Path:
        """Where it is being built."""
        return self.folder.with_name(f".{self.folder.name}.part")

    @property
    def is_whole(self) -> bool:
        """Whether it was built."""
        return self.folder.is_dir()

    def facts(self) -> Mapping[str, Any]:
        """What a whole entry depends on."""
        facts: Mapping[str, Any] = read_json(self.folder / _KEY)
        return facts


@dataclass(frozen=True, slots=True)
class Store:
    """A folder of entries."""

    root: Path

    def entry(self, name: str, facts: Mapping[str, Any]) -> Entry:
        """The entry for these facts, built or not."""
        key = hash_value([name, facts])
        return Entry(self.root / f"{name}-{key[:16]}", key)

    def build(
        self, entry: Entry, facts: Mapping[str, Any], work: Callable[[Path, Meter], None], *, resume: bool = False
    ) -> None:
        """Build the entry unless it is whole; a killed build leaves no entry, and with `resume` its part."""

        def fill(part: Path) -> None:
            meter = Meter(part)
            work(part, meter)
            write_json(part / _KEY, facts)
            meter.write()

        build_once(entry.folder, fill, resume=resume)

    def link(self, entry: Entry, link: Path) -> None:
        """Let `link` in a run's folder, which stands beside the store, point at a whole entry; replaced in one step."""
        target = Path("..", self.root.name, entry.folder.name)
        if link.is_symlink() and link.readlink() == target:
            return
        fresh = link.with_name(f".{link.name}.link")
        with storing(link):
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(target, target_is_directory=True)
            fresh.replace(link)


def linked(link: Path) -> Entry | None:
    """The whole entry that a run's stage points at, if there is one."""
    if not link.is_symlink() or not link.is_dir():
        return None
    folder = link.resolve()
    return Entry(folder, folder.name.rpartition("-")[2])


def differences(old: Any, new: Any, place: str = "") -> Iterator[str]:
    """Dotted names of what differs between two JSON values."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted({*old, *new}):
            yield from differences(old.get(name), new.get(name), f"{place}.{name}" if place else name)
    elif old != new:
        yield place
