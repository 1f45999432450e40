"""danlu on a fixture: its recipe, its data, its training, its commands; and how a refusal becomes a finding."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from silent.case import Finding
from silent.peers import PEERS

T = TypeVar("T")


def settings(folder: Path) -> dict[str, Any]:
    """The fixture's settings.json."""
    return dict(json.loads((folder / "settings.json").read_text()))


def recipe(folder: Path, **changes: Any) -> Path:
    """Write folder/recipe.yaml, which says what settings.json says; changes: sections merged over it."""
    asked = settings(folder)
    rows = asked["batch_size"]
    lora = asked["lora"]
    adapter: dict[str, Any] = {"kind": "full"}
    if lora is not None:
        adapter = {"kind": "lora", "rank": lora["r"], "alpha": lora["alpha"]}
    schedule = {"kind": asked["schedule"], "warmup": asked["warmup"]}
    written = {
        "name": "case",
        "base": {"model": "base"},
        "data": {
            "max_length": asked["max_length"],
            "sources": [{"name": "mine", "path": "train.jsonl", "licence": "own"}],
        },
        "training": {
            "optimizer": {"lr": asked["lr"], "weight_decay": asked["weight_decay"]},
            "schedule": schedule,
            "adapter": adapter,
            "epochs": asked["epochs"],
            "batch_tokens": rows * asked["gradient_accumulation"] * asked["max_length"],
            "precision": asked["precision"],
            "seed": asked["seed"],
            **{key: value for key, value in asked["extra"].items() if key not in PEERS},
        },
        "evaluation": {"scenario": {"kind": "held-out", "path": _held_out(folder), "samples": 0}, "guard": None},
        "threads": 1,
    }
    path = folder / "recipe.yaml"
    path.write_text(json.dumps(_merged(written, changes), indent=1, ensure_ascii=False), encoding="utf-8")
    return path


def build(folder: Path, *overrides: str, **changes: Any) -> Any:
    """The fixture's data as `danlu data build` makes it: tokens.Shards, written to folder/data."""
    built(folder, recipe(folder, **changes), *overrides)
    return shards(folder)


def built(folder: Path, path: Path, *overrides: str) -> dict[str, Any]:
    """The data of a recipe, in folder/data; returns its card."""
    from danlu.run.carry import Request
    from danlu.run.dataset import build_data

    return build_data(Request(path, overrides, folder / "data"), _unheard)


def shards(folder: Path) -> Any:
    """The tokens that `build` or `train` wrote."""
    from danlu.tokens import Shards

    return Shards(folder / "data")


def run(
    folder: Path,
    *overrides: str,
    accept: Mapping[int, str] | None = None,
    listener: Callable[[str, Mapping[str, object]], None] | None = None,
    out: str = "run",
    **changes: Any,
) -> dict[str, Any]:
    """The whole recipe as `danlu run` carries it out, in folder/OUT; returns run.json's object."""
    from danlu.errors import Waivers
    from danlu.run.carry import Request
    from danlu.run.carry import run as carry_out

    request = Request(recipe(folder, **changes), overrides, folder / out, Waivers(dict(accept or {})))
    return carry_out(request, listener or _unheard)


def train(folder: Path, *overrides: str, out: str = "train", **changes: Any) -> list[dict[str, float]]:
    """Data and training alone, in folder/data and folder/OUT; returns loss, learning rate and tokens of each step."""
    build(folder, *overrides, **changes)
    return learned(folder, folder / "recipe.yaml", *overrides, out=out)


def learned(folder: Path, path: Path, *overrides: str, out: str = "train") -> list[dict[str, float]]:
    """The stage `train` of a recipe whose data is built, in folder/OUT; its steps."""
    from danlu.errors import Waivers
    from danlu.recipe import load
    from danlu.run.carry import carry_stage
    from danlu.run.settle import settle
    from danlu.run.stage import Context
    from danlu.run.stages import base
    from danlu.run.stages.train import STAGE as TRAIN
    from danlu.run.store import Store

    place = folder / f".{out}.run"
    place.mkdir()
    (place / "data").symlink_to(folder.absolute() / "data")
    (folder / out).mkdir()
    settled = settle(load(path, overrides), folder)
    context = Context(settled, place, Store(folder / f".{out}.store"), Waivers(), _unheard)
    carry_stage(base.STAGE, context)
    TRAIN.build(context, folder / out)
    return trajectory(folder / out)


def trajectory(work: Path) -> list[dict[str, float]]:
    """Loss, learning rate and tokens of each step, from the folder of a training."""
    return [json.loads(line) for line in (work / "trajectory.jsonl").read_text().splitlines()]


def refused(action: Callable[[], object], number: int | None = None, says: str = "") -> Finding | None:
    """Do it: the refusal, or the mistake named by another error, as a finding; None where danlu went on.

    number, says: the refusal that is expected, and what its sentence holds; another one is an error of the case.
    """
    from danlu.errors import DanluError, Refusal

    try:
        action()
    except Refusal as refusal:
        assert number is None or refusal.number == number, f"refusal {refusal.number}: {refusal}"
        return Finding("refused", str(refusal), refusal.number)
    except DanluError as error:
        assert says in str(error) and number is None, str(error)
        return Finding("refused", str(error))
    return None


def either(finding: Finding | None, otherwise: Finding) -> Finding:
    """The refusal, or what is to be said where danlu went on."""
    return otherwise if finding is None else finding


def proven(right: bool, evidence: str, wrong: str) -> Finding:
    """handled where the evidence holds, missed where it does not."""
    return Finding("handled", evidence) if right else Finding("missed", wrong)


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


def command(folder: Path, *arguments: str) -> Said:
    """`danlu ARGUMENTS` in the fixture's folder, in this process."""
    from danlu.cli import main

    out, err = io.StringIO(), io.StringIO()
    before = sys.argv
    sys.argv = ["danlu", *arguments]
    code = 0
    with _in(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        finally:
            sys.argv = before
    return Said(code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def _in(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _held_out(folder: Path) -> str:
    """The fixture's own held-out rows; else one row that nothing in it resembles."""
    if (folder / "eval.jsonl").is_file():
        return "eval.jsonl"
    row = {"messages": [{"role": "user", "content": "Hi!"}, {"role": "assistant", "content": "Hello."}]}
    (folder / "held.jsonl").write_text(json.dumps(row) + "\n")
    return "held.jsonl"


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        result[key] = _merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return result


def _unheard(event: str, fields: Mapping[str, object]) -> None:
    """Progress is not looked at here."""
