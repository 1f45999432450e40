"""The parts of a report on what went in: the data, and the course of training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from danlu.run.report import plots, words
from danlu.run.report.blocks import Block, Cell, Facts, Figure, Folded, Paragraph, Said, Talk, table
from danlu.run.report.words import said_in

Json = Mapping[str, Any]
_BARS = "▁▂▃▄▅▆▇█"
_STEPS_SHOWN = 24


def data(card: Json, nearest: Json | None = None) -> Iterator[Block]:
    """Sources with their licences, what was removed and why, and how varied the rest is.

    nearest: {mean_nearest, max_nearest}, how near the held-out items stand to the data, where it was looked at.
    """
    yield table(
        "Sources",
        "<Source | <Licence | <From | Rows read | Rows kept | Tokens | Trained on | Lost",
        [
            [
                source["name"],
                _licence(source.get("licence")),
                _origin(source),
                f"{source['rows_in']:,}",
                f"{source['rows_kept']:,}",
                f"{source['tokens']:,}",
                f"{source['supervised_tokens']:,}",
                f"{source.get('lost_tokens', 0):,}",
            ]
            for source in card.get("sources") or ()
        ],
    )
    yield Paragraph(
        "A token is a piece of a word. Trained on are the tokens that the model learns to produce; the others it only "
        "reads. Lost are tokens of kept rows that were cut off to fit. Licence “own” means the user's own data."
    )
    yield table(
        "From rows read to rows kept",
        "<Step | Rows in | Rows out | <Removed, and why",
        [
            [step["name"], f"{step['rows_in']:,}", f"{step['rows_out']:,}", _removed(step.get("removed") or {})]
            for step in card.get("steps") or ()
        ],
    )
    yield Facts(tuple(_facts(card, nearest)))
    rows = card.get("samples") or ()
    if rows:
        talks = tuple(_row(number, row) for number, row in enumerate(rows, start=1))
        yield Folded(f"{words.plural(len(rows), 'row')} of the data as an example", talks)


def course(run: Json, trajectory: Sequence[Json]) -> Iterator[Block]:
    """The loss, step by step."""
    train = run.get("train") or {}
    if trajectory:
        losses = [float(row["loss"]) for row in trajectory]
        yield Figure(
            "Loss of each step (thin), and its running mean (thick)",
            plots.loss(trajectory),
            f"The loss went from {losses[0]:.3f} to {losses[-1]:.3f} nats in {words.plural(len(losses), 'step')}: "
            f"{_spark(losses)}",
            told=False,
        )
        yield Paragraph(
            "The loss is how surprising the tokens trained on were to the model, in nats per token (1 nat is about "
            "1.44 bits), each measured before the step that learns from it."
        )
    tokens = train.get("tokens") or sum(row.get("tokens", 0) for row in trajectory)
    supervised = train.get("supervised_tokens") or sum(row.get("supervised_tokens", 0) for row in trajectory)
    if tokens:
        yield Facts(
            (
                ("Tokens seen", f"{tokens:,}"),
                ("of them trained on", f"{supervised:,} ({words.share(supervised / tokens)})"),
                ("Steps", f"{len(trajectory):,}"),
            )
        )


def _licence(licence: str | None) -> Cell:
    return Cell(licence or "none", "unsure" if licence in {None, "unknown"} else "plain")


def _origin(source: Json) -> str:
    if source.get("generator"):
        return f"danlu's generator {source['generator']}"
    if source.get("passages"):
        return f"passages of {source['passages']}, from {source['source']}"
    return str(source.get("path") or "").replace("\\", "/").rpartition("/")[2] or "a file"


def _removed(removed: Mapping[str, int]) -> str:
    return "; ".join(f"{reason}: {count:,}" for reason, count in removed.items() if count) or "none"


def _facts(card: Json, nearest: Json | None) -> Iterator[tuple[str, str]]:
    total, supervised = card.get("num_tokens"), card.get("num_supervised_tokens")
    if card.get("num_documents") is not None:
        yield "Documents", f"{card['num_documents']:,}"
    if total:
        yield "Tokens", f"{total:,}"
        yield "of them trained on", f"{supervised or 0:,} ({words.share((supervised or 0) / total)})"
    if card.get("distinct_4") is not None:
        yield (
            "distinct-4",
            f"{card['distinct_4']:.3f} (different 4-word sequences over all of them; 1 is no repetition)",
        )
    if nearest:
        yield (
            "Nearest overlap of held-out items",
            f"{words.share(nearest['mean_nearest'])} on average, {words.share(nearest['max_nearest'])} at most: the "
            "share of an item's 4-word sequences that one single training row also holds",
        )
    if card.get("output_sha256"):
        yield "SHA-256 of the tokens", str(card["output_sha256"])


def _row(number: int, row: Any) -> Talk:
    messages = row.get("messages", ()) if isinstance(row, Mapping) else row
    said = tuple(Said(str(m["role"]).capitalize(), said_in(m), ()) for m in messages)
    return Talk(f"Row {number}", "", said)


def _spark(losses: Sequence[float]) -> str:
    """The curve in one line of text, for a page without pictures."""
    width = -(-len(losses) // _STEPS_SHOWN)
    means = [sum(part) / len(part) for part in (losses[i : i + width] for i in range(0, len(losses), width))]
    low, high = min(means), max(means)
    return "".join(_BARS[round((len(_BARS) - 1) * (m - low) / ((high - low) or 1))] for m in means)
