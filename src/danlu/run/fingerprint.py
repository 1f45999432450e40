"""The fingerprint of the code behind a stage: every source file of danlu that it imports, directly or not."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.metadata
from collections.abc import Iterator
from pathlib import Path

from danlu.artefact import hash_value

_PACKAGE = Path(__file__).parents[1]


def code_fingerprint(module: str) -> str:
    """SHA-256 over the sources that `module` imports; imports inside functions count, those for types do not."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(_imports(name))
    files = sorted({path for name in found for path in _files(name)})
    return hash_value([[path.relative_to(_PACKAGE).as_posix(), _digest(path)] for path in files])


def sources_of(*rooms: str) -> str:
    """SHA-256 over every source file of these rooms: less than `code_fingerprint` sees, and at once."""
    files = sorted(path for room in rooms for path in (_PACKAGE / room).rglob("*") if path.suffix in {".py", ".c"})
    return hash_value([[path.relative_to(_PACKAGE).as_posix(), _digest(path)] for path in files])


def library_versions(*names: str) -> dict[str, str]:
    """Installed versions of libraries whose arithmetic or format a result depends on; nothing is imported."""
    return {name: importlib.metadata.version(name) for name in names}


def _source(module: str) -> Path | None:
    """The file of a module of danlu, None for a name that is not one (a class, say)."""
    stem = _PACKAGE.joinpath(*module.split(".")[1:])
    for path in (stem / "__init__.py", stem.with_suffix(".py")):
        if path.is_file():
            return path
    return None


def _files(module: str) -> Iterator[Path]:
    """The module's source and, beside a package's, the data files that it ships."""
    path = _source(module)
    assert path is not None
    yield path
    if path.name == "__init__.py":
        yield from (p for p in path.parent.iterdir() if p.is_file() and p.suffix not in {".py", ".pyc"})


@functools.cache
def _imports(module: str) -> frozenset[str]:
    path = _source(module)
    assert path is not None
    names = {".".join(module.split(".")[:depth]) for depth in range(2, module.count(".") + 1)}  # parents run first
    for node in _runtime_nodes(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("danlu."):
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names if alias.name.startswith("danlu.")}
    return frozenset(name for name in names if _source(name))


def _runtime_nodes(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _runtime_nodes(child)


@functools.cache
def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
