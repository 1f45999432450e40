"""How a report says things: numbers with units, percentages as points, a metric in words.

The metrics are evaluation's (`danlu/evaluation-1`); one that is not known here is shown by its own name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]

VERDICTS = {"better": "Better", "not_better": "Not better", "undecided": "Undecided"}
ARMS = {
    "reference": "Reference",
    "base": "Base",
    "few_shot": "Base with two worked examples",
    "tuned": "Tuned",
}
METRICS: Mapping[str, tuple[str, str]] = {
    "success": ("Replies that pass", "share of an item's two replies, first and closing, that pass every check"),
    "first_reply": ("First reply passes", ""),
    "first_one_question": ("First reply: one question", ""),
    "first_gives_nothing_away": (
        "First reply: gives nothing away",
        "it states neither the answer nor a step towards it",
    ),
    "first_in_role": (
        "First reply: in role",
        "it is a turn of a tutor's: whole, brief, on the problem, and speaks for the tutor alone",
    ),
    "closing_reply": ("Closing reply passes", ""),
    "closing_final_number": ("Closing reply: right number", "the final number that it states is the right one"),
    "closing_in_role": ("Closing reply: in role", ""),
    "held_out_loss": (
        "Loss on held-out replies",
        "how surprising the held-out reference replies are to the model, in nats per token; lower is better",
    ),
    "bits_per_byte": (
        "Bits per byte of held-out documents",
        "what the model needs to write down documents that it never saw, over the bytes of their text; lower is better",
    ),
    "accuracy": ("General accuracy", "share of multiple-choice questions answered right, all sets together"),
    "general_text_loss": (
        "Loss on general text",
        "how surprising ordinary text is to the model, in nats per token; lower is better",
    ),
}
BASELINES = {"ngram": "an n-gram model", "zstd": "zstd -19"}
"""What a model from scratch is compared with."""
UNITS = {"points": "percentage points", "nats": "nats per token", "bits": "bits per byte"}
_SETS = {"gsm8k": "GSM8K", "arc-easy": "ARC-Easy", "piqa": "PIQA", "sciq": "SciQ"}
_SCORES = {"acc": "accuracy", "acc_norm": "accuracy, by length"}
_MINUS = "−"


def metric(name: str) -> str:
    """A metric's name in words."""
    return _described(name)[0]


def meaning(name: str) -> str | None:
    """What a metric measures, None for one that its name explains."""
    return _described(name)[1] or None


def _described(name: str) -> tuple[str, str]:
    if name in METRICS:
        return METRICS[name]
    first, _, rest = name.partition("_")
    label = _SETS.get(first, first)
    if rest in METRICS:
        return f"{label}: {METRICS[rest][0][0].lower()}{METRICS[rest][0][1:]}", ""
    if rest in _SCORES:
        return f"{label} {_SCORES[rest]}", ""
    return name.replace("_", " "), ""


def label(row: Row) -> str:
    """A row's metric in words, with what it is compared with where that is not the base."""
    against = BASELINES.get(str(row.get("against")))
    return f"{metric(row['metric'])}, against {against}" if against else metric(row["metric"])


def short(row: Row) -> str:
    """The same for a narrow place: beside a baseline, the metric is known."""
    against = BASELINES.get(str(row.get("against")))
    return f"Against {against}" if against else metric(row["metric"])


def from_scratch(rows: Sequence[Row]) -> bool:
    """Whether a scenario's rows are those of a model from scratch, which baselines stand against."""
    return any(row.get("against") in BASELINES for row in rows)


def unit(row: Row) -> str:
    """A key of `UNITS`."""
    if not is_loss(row):
        return "points"
    return "bits" if row["metric"] == "bits_per_byte" else "nats"


def is_loss(row: Row) -> bool:
    """Whether less is better, in nats or bits; else the metric is a share."""
    guessed = "lower" if "loss" in row["metric"] or row["metric"] == "bits_per_byte" else "higher"
    return str(row.get("better") or guessed) == "lower"


def level(value: float | None, row: Row) -> str:
    """A metric's value."""
    if value is None:
        return "–"
    return f"{value:.3f} {unit(row)}" if is_loss(row) else f"{100 * value:.1f}%"


def change(value: float | None, row: Row) -> str:
    """A difference with its sign and unit."""
    if value is None:
        return "unbounded"
    return f"{_signed(value, 3)} {unit(row)}" if is_loss(row) else f"{_signed(100 * value, 1)} points"


def interval(row: Row) -> str:
    """The 95% interval, in the unit of `change`."""
    scale, digits = (1, 3) if is_loss(row) else (100, 1)
    low, high = ("unbounded" if end is None else _signed(scale * end, digits) for end in row["ci95"])
    return f"{low} to {high}"


def tolerated(row: Row) -> str:
    """The margin as the worst change that is accepted."""
    return change(row["margin"] if is_loss(row) else -row["margin"], row)


def held(row: Row) -> str | None:
    """yes, no or undecided: whether a guard row kept within its margin; None for a row without one."""
    if row.get("margin") is None:
        return None
    if row.get("held") is not None:
        return str(row["held"])
    low, high = row["ci95"]
    if is_loss(row):
        low, high = None if high is None else -high, None if low is None else -low
    if low is not None and low > -row["margin"]:
        return "yes"
    return "no" if high is not None and high < -row["margin"] else "undecided"


def verdict(run: Mapping[str, Any]) -> str:
    """The verdict and the decision, in a few words."""
    if run.get("verdict") is None:
        return str(run.get("status") or "not finished").capitalize()
    return f"{VERDICTS[run['verdict']]}: {'ship' if run['ship'] else 'do not ship'}"


def duration(seconds: float | None) -> str:
    """42 s, 9.8 min, 3 h 05 min."""
    if seconds is None:
        return "–"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.1f} min"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min"


def size(num_bytes: float | None) -> str:
    """2.31 GB, 640 MB."""
    if num_bytes is None:
        return "–"
    return f"{num_bytes / 1e9:.2f} GB" if num_bytes >= 1e9 else f"{num_bytes / 1e6:.0f} MB"


def rate(per_s: float | None) -> str:
    """Tokens a second."""
    return "–" if per_s is None else f"{per_s:,.0f} tokens/s"


def ratio(actual: float | None, planned: float | None) -> str:
    """Actual over planned."""
    return f"×{actual / planned:.2f}" if actual is not None and planned else "–"


def share(value: float | None) -> str:
    """A share as a percentage."""
    return "–" if value is None else f"{100 * value:.1f}%"


def plural(count: int, one: str, many: str = "") -> str:
    """1 row, 2,000 rows."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def said_in(message: Mapping[str, Any]) -> str:
    """What a message says; calls of tools as JSON."""
    calls = message.get("tool_calls")
    parts = [str(message.get("content") or ""), json.dumps(calls, ensure_ascii=False) if calls else ""]
    return "\n".join(part for part in parts if part)


def _signed(value: float, digits: int) -> str:
    text = f"{value:+.{digits}f}"
    return "0." + "0" * digits if float(text) == 0 else text.replace("-", _MINUS)
