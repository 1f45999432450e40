"""The command line prints what it promises, without torch."""

import json
import subprocess
import sys

RUN = "from danlu.cli import main; main()"


def danlu(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", RUN, *arguments], capture_output=True, text=True, check=False)


def test_schema_describes_every_key_of_a_recipe():
    done = danlu("schema")
    assert done.returncode == 0
    schema = json.loads(done.stdout)
    assert set(schema["required"]) == {"name", "base", "data", "training", "evaluation"}
    silent = [
        f"{section}.{key}"
        for section, described in schema["$defs"].items()
        for key, field in described["properties"].items()
        if "description" not in field
    ]
    assert silent == []


def test_help_does_not_import_torch():
    code = (
        f"import sys\ntry:\n    sys.argv[1:] = ['--help']\n    {RUN}\nfinally:\n    assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "schema" in done.stdout
