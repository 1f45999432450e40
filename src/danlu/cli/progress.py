"""What a long command shows while it works: a line for each stage, a bar for what can be counted."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

_DONE = "[green]✓[/]"
_GB = 1e9


class Progress:
    """Hears a run's events. On something that is not a terminal it prints lines and no bars."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = Bars(
            TextColumn("  {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> Progress:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def __call__(self, event: str, fields: Mapping[str, Any]) -> None:
        """Show one event; those that nobody waits for are left to events.jsonl."""
        show = getattr(self, f"_on_{event}", None)
        if show is not None:
            show(fields)

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False)

    def _count(self, name: str, done: int, total: int, note: str = "") -> None:
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(name, total=total, note=note)
        self._bars.update(self._tasks[name], completed=done, total=total, note=note)
        if done >= total:
            self._bars.remove_task(self._tasks.pop(name))

    def _on_run(self, fields: Mapping[str, Any]) -> None:
        self._say(f"[bold]{fields['name']}[/] in {fields['folder']}")

    def _on_stage(self, fields: Mapping[str, Any]) -> None:
        name = f"{fields['stage']:<9}"
        if fields["status"] == "started":
            if fields["reason"] != "not built before":
                self._say(f"  {name} {fields['reason']}, so it is built again")
            return
        if fields["status"] == "reused":
            self._say(f"{_DONE} {name} reused: {fields['reason']}")
            return
        memory = fields["peak_rss_bytes"] / _GB
        self._say(f"{_DONE} {name} {fields['wall_s']:.1f} s, {memory:.1f} GB at its peak")

    def _on_fetch(self, fields: Mapping[str, Any]) -> None:
        self._say(f"  fetching {fields['source']}")

    def _on_convert(self, fields: Mapping[str, Any]) -> None:
        self._say(f"  converting {fields['source']} to the Hugging Face layout, once")

    def _on_licence_differs(self, fields: Mapping[str, Any]) -> None:
        self._say(f"  [yellow]note[/] {fields['source']} says licence {fields['artefact']}, not {fields['given']}")

    def _on_detectable(self, fields: Mapping[str, Any]) -> None:
        self._say(f"  {fields['sentence']}")

    def _on_planned(self, fields: Mapping[str, Any]) -> None:
        plan = fields["plan"]
        self._say(
            f"  planned: {plan['time_s'] / 60:.1f} minutes, {plan['memory_bytes'] / _GB:.1f} GB on "
            f"{plan['hardware']['name']}; bottleneck: {plan['bottleneck']}"
        )

    def _on_data_step(self, fields: Mapping[str, Any]) -> None:
        removed = fields["rows_in"] - fields["rows_out"]
        if removed > 0:
            self._say(f"  {fields['name']}: {removed} of {fields['rows_in']} rows removed")

    def _on_note(self, fields: Mapping[str, Any]) -> None:
        self._say(f"  [yellow]note[/] {fields['sentence']}")

    def _on_step(self, fields: Mapping[str, Any]) -> None:
        note = f"loss {fields['loss']:.3f}, {fields.get('tokens_per_s', 0):.0f} tokens/s"
        self._count("training", int(fields["step"]), int(fields["steps"]), note)
        if not self._console.is_terminal and (fields["step"] % 10 == 0 or fields["step"] == fields["steps"]):
            self._say(f"  step {fields['step']}/{fields['steps']}: {note}")

    def _on_answer(self, fields: Mapping[str, Any]) -> None:
        self._count(f"{fields['arm']} on {fields['task']}", int(fields["done"]), int(fields["total"]))

    def _on_count(self, fields: Mapping[str, Any]) -> None:
        self._count(fields["what"], int(fields["done"]), int(fields["total"]))

    def _on_reused(self, fields: Mapping[str, Any]) -> None:
        self._say(f"  reused: {fields['what']}")
