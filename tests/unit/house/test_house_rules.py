"""The house rules of CONTRIBUTING.md, checked: import direction, cycles, budgets."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "src" / "danlu"
FILES = sorted(SOURCE.rglob("*.py"))
MODULES = {"danlu." + ".".join(p.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): p for p in FILES}

# A room may import the rooms of later lines, never one of its own line.
STOREYS = [
    {"cli"},
    {"run"},
    {"compute", "data", "training", "evaluation", "serving"},
    {"grading"},
    {"generation"},
    {"model"},
    {"tokens", "text", "hub"},
    {"recipe"},
    {"compiler"},
    {"artefact"},
    {"errors"},
]
STOREY = {room: number for number, rooms in enumerate(STOREYS) for room in rooms}
LEDGER_USERS = {"cli", "run", "serving"}


def imports(path: Path) -> Iterator[str]:
    """Modules of danlu that a file imports; those for types alone do not count."""
    for node in ast.walk(_without_type_checking(ast.parse(path.read_text()))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("danlu"):
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in MODULES else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("danlu"))


def _without_type_checking(tree: ast.Module) -> ast.Module:
    class Drop(ast.NodeTransformer):
        def visit_If(self, node):
            return None if ast.unparse(node.test).endswith("TYPE_CHECKING") else self.generic_visit(node)

    return Drop().visit(tree)


def room(module: str) -> str:
    return module.removeprefix("danlu").removeprefix(".").split(".")[0]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_point_down(path):
    here = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    if here == "__init__":
        return
    for module in imports(path):
        there = room(module)
        if there in {here, ""}:
            continue
        if here == "ledger":
            assert there in {"recipe", "artefact", "errors"}, f"ledger imports {module}"
        elif there == "ledger":
            assert here in LEDGER_USERS, f"{here} imports the ledger"
        else:
            assert STOREY[here] < STOREY[there], f"{here} imports {module}, which is beside or above it"


def test_no_import_cycle():
    graph = {name: set(imports(path)) - {name} for name, path in MODULES.items() if path.name != "__init__.py"}
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, "cycle: " + " → ".join((*above, name))
        if name not in done:
            for below in graph.get(name, ()):
                visit(below, (*above, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_budgets(path):
    text = path.read_text()
    assert text.count("\n") <= 400, "a file has at most 400 lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < 60, f"{node.name} has more than 60 lines"
            arguments = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
            counted = [a for a in arguments if a.arg not in {"self", "cls"}]
            assert len(counted) <= 8, f"{node.name} takes more than 8 parameters"
        if isinstance(node, ast.ClassDef) and any(ast.unparse(b) == "Section" for b in node.bases):
            fields = [n for n in node.body if isinstance(n, ast.AnnAssign)]
            assert len(fields) <= 20, f"{node.name} has more than 20 fields"


def test_no_file_is_named_for_leftovers():
    assert not {p.stem for p in FILES} & {"utils", "helpers", "common", "misc"}
