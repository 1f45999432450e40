"""Carries a recipe out: each stage is built, or reused because nothing that it depends on has changed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from danlu.artefact import read_json, write_json
from danlu.errors import Waivers
from danlu.hub.store import Emit
from danlu.ledger import Ledger
from danlu.recipe import load
from danlu.run.events import Events
from danlu.run.fingerprint import code_fingerprint, library_versions
from danlu.run.lock import only_writer
from danlu.run.machine import prepare_libraries, this_machine
from danlu.run.measure import Meter, read, reused_s
from danlu.run.pipeline import STAGES
from danlu.run.result import FILE, describe
from danlu.run.settle import folder_for, keep, settle
from danlu.run.stage import Context, Stage
from danlu.run.store import Entry, Store, differences, linked

_PROGRESS = ".progress.json"  # which part of which stage this run has under way


@dataclass(frozen=True, slots=True)
class Request:
    """What a user asked for: a recipe's file, `key=value` overrides, a folder, and refusals accepted with a reason."""

    recipe: Path
    overrides: Sequence[str] = ()
    out: Path | None = None
    waivers: Waivers = field(default_factory=Waivers)


def run(request: Request, listener: Emit) -> dict[str, Any]:
    """Carry a recipe out to its report; run again after a kill, it continues. Returns what run.json holds."""
    prepare_libraries()
    written = load(request.recipe, request.overrides)
    settled = settle(written, request.recipe.parent)
    folder = folder_for(written, settled, request.out)
    with only_writer(folder), contextlib.closing(Events(folder / "events.jsonl", listener)) as events:
        recipe = keep(settled, folder)
        ledger = Ledger.beside(folder)
        history = tuple(ledger.history(recipe.hardware))
        context = Context(recipe, folder, Store(folder.parent / ".store"), request.waivers, events, history)
        events("run", {"name": folder.name, "folder": str(folder)})
        with _on_record(ledger, context) as name:
            for stage in STAGES:
                carry_stage(stage, context)
            result = describe(context)
            write_json(folder / FILE, result)
            ledger.finish(name, result)
        events("done", {"verdict": result["verdict"], "ship": result["ship"]})
        return result


@contextlib.contextmanager
def _on_record(ledger: Ledger, context: Context) -> Iterator[str]:
    """The run's name in the ledger, which also learns how it failed."""
    name = ledger.begin(
        context.folder,
        machine=this_machine().described(),
        code=code_fingerprint(__name__),
        accepted=context.waivers.reasons,
    )
    try:
        yield name
    except KeyboardInterrupt:
        ledger.fail(name, "interrupted", interrupted=True)
        raise
    except Exception as error:
        ledger.fail(name, str(error))
        raise


def carry_stage(stage: Stage, context: Context) -> None:
    """Build or reuse one stage, and add its row to the context: key, status, reason and cost."""
    facts = _facts(stage, context)
    entry = context.store.entry(stage.name, facts)
    link = context.folder / stage.name
    before = linked(link) or _sibling(stage, context)
    status, reason = "reused", "nothing that it depends on has changed"
    if not entry.is_whole:
        status, reason = "built", _why(before, facts)
        context.emit("stage", {"stage": stage.name, "status": "started", "reason": reason})
        if stage.adopts:
            _adopt(stage, context, entry)
        _build(stage, context, entry, facts)
    context.store.link(entry, link)
    context.outputs[stage.name] = stage.output(entry.folder)
    cost = read(entry.folder).described()
    lent = {"reused_s": lent_s} if (lent_s := reused_s(entry.folder)) else {}
    context.rows.append({"name": stage.name, "key": entry.key, "status": status, "reason": reason, **cost, **lent})
    context.emit("stage", {"stage": stage.name, "status": status, "reason": reason, **cost})


def _facts(stage: Stage, context: Context) -> dict[str, Any]:
    return {
        **stage.facts(context),
        "code": code_fingerprint(stage.module),
        "libraries": library_versions(*stage.libraries),
    }


def _build(stage: Stage, context: Context, entry: Entry, facts: Mapping[str, Any]) -> None:
    def work(part: Path, meter: Meter) -> None:
        def measured(event: str, fields: Mapping[str, object]) -> None:
            meter.tick()
            context.emit(event, {"stage": stage.name, **fields})

        stage.build(replace(context, emit=measured), part)

    context.store.build(entry, facts, work, resume=stage.resumes)


def _adopt(stage: Stage, context: Context, entry: Entry) -> None:
    """Hand over what this run left under another key, so that the stage itself can refuse or go on (refusal 9)."""
    path = context.folder / _PROGRESS
    left = read_json(path).get(stage.name) if path.is_file() else None
    if left is not None and left != entry.part.name:
        part = entry.part.with_name(left)
        if part.is_dir() and not entry.part.is_dir():
            part.rename(entry.part)
    write_json(path, {**(read_json(path) if path.is_file() else {}), stage.name: entry.part.name})


def _sibling(stage: Stage, context: Context) -> Entry | None:
    """The same stage in the newest other run of this recipe's name."""
    name = context.recipe.name
    runs = [p for p in context.folder.parent.glob(f"{name}*") if p != context.folder and (p / stage.name).is_dir()]
    newest = max(runs, key=lambda p: p.stat().st_mtime, default=None)
    return None if newest is None else linked(newest / stage.name)


def _why(before: Entry | None, facts: Mapping[str, Any]) -> str:
    if before is None:
        return "not built before"
    changed = list(differences(before.facts(), facts))
    shown = ", ".join(changed[:3]) + (" and more" if len(changed) > 3 else "")
    return f"changed: {shown}" if changed else "its result is gone"
