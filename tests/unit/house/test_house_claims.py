"""Claims execute: recipes load, README's commands exist and its layout is the tree, light commands stay light."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from danlu.recipe import load

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text()
RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))
COMMAND = re.compile(r"^\s*danlu ([a-z]+)(.*?)(?:\s{2,}#.*)?$", re.MULTILINE)


def blocks(text):
    return "\n".join(re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.name)
def test_each_recipe_loads_and_says_what_for_whom_how_long_and_on_what(path):
    text = path.read_text()
    opening = text[: text.index("name:")]
    assert opening.startswith("# ")
    for word in ("For whom", "How long", "On what"):
        assert word in opening
    assert load(path).name == path.stem


def test_each_make_target_that_readme_names_exists():
    named = set(re.findall(r"^make ([a-z-]+)", blocks(README), re.MULTILINE))
    assert {"demo", "test"} <= named
    assert named <= set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_each_command_and_option_that_readme_names_exists():
    from typer.main import get_command

    from danlu.cli.app import assemble

    known = get_command(assemble()).commands
    named = COMMAND.findall(blocks(README))
    assert len(named) > 3
    for command, rest in named:
        assert command in known, f"danlu {command}"
        below = getattr(known[command], "commands", {}).values()  # those of a group: `danlu data build`
        parameters = [p for one in (known[command], *below) for p in one.params]
        options = {name for parameter in parameters for name in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= options, f"danlu {command}{rest}"


def test_the_layout_in_readme_is_the_tree():
    named = set(re.findall(r"^  ([a-z]+)/ ", README[README.index("src/danlu/") :], re.MULTILINE))
    rooms = {p.name for p in (ROOT / "src" / "danlu").iterdir() if (p / "__init__.py").is_file()}
    assert named == rooms


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["schema"],
        *([c, "--help"] for c in ("init", "run", "plan", "data", "runs", "review")),
    ],
    ids=" ".join,
)
def test_light_commands_do_not_import_torch(arguments):
    program = (
        "import sys\nfrom danlu.cli import main\nsys.argv = ['danlu', *sys.argv[1:]]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "assert 'torch' not in sys.modules, 'torch was imported'\n"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
