"""The parts of a report that compare: scenario, guard, sample conversations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from danlu.run.report import plots, words
from danlu.run.report.blocks import Block, Cell, Check, Figure, Paragraph, Points, Said, Table, Talk, Tone, table
from danlu.run.report.words import said_in

Row = Mapping[str, Any]
_TONES: Mapping[str, Tone] = {"better": "good", "not_better": "bad", "undecided": "unsure"}
_HELD: Mapping[str | None, Cell] = {
    "yes": Cell("held", "good"),
    "no": Cell("failed", "bad"),
    "undecided": Cell("undecided", "unsure"),
    None: Cell("shown only"),
}
_TURNS = {"first": "first reply", "closing": "closing reply", "reply": "reply"}


def scenario(rows: Sequence[Row]) -> Iterator[Block]:
    """Tuned against base, and against the base under its best prompt; from scratch, against baselines."""
    if words.from_scratch(rows):
        yield from _against_baselines(rows)
        return
    few_shot = {row["metric"]: row for row in rows if row.get("against") == "few_shot"}
    plain = [row for row in rows if row.get("against", "base") == "base"]
    first = plain[0]
    name = _lower(words.metric(first["metric"]))
    rests = f"the first line, {name}; the others show what is behind it" if len(plain) > 1 else name
    yield Paragraph(f"The verdict rests on {rests}. {_counted(first)}")
    yield _scenario_table(plain, few_shot)
    yield from _meanings(rows)
    shares = [row for row in plain if not words.is_loss(row)]
    if shares:
        yield Figure(
            "How often each passes",
            plots.levels(shares, few_shot),
            "; ".join(_levels_in_words(row, few_shot.get(row["metric"])) for row in shares),
        )
    yield from _forests("Change from the base, with 95% intervals", plain)
    if few_shot:
        yield Paragraph(
            "Against a prompt: the base was also given two worked examples in its prompt, which costs no training. "
            "This is what tuning adds to that."
        )
        yield _few_shot_table(list(few_shot.values()))
        yield from _forests("Change from the base with two examples", [*few_shot.values()])


def _against_baselines(rows: Sequence[Row]) -> Iterator[Block]:
    yield Paragraph(
        "The model is better if it needs fewer bits than each of these, which read the same training documents and "
        "then the same held-out ones. The stronger one comes first."
    )
    yield table(
        words.metric(rows[0]["metric"]),
        "<Compared with | Its bits | The model's | Change | 95% interval | Documents | Groups | <The model is",
        [[words.BASELINES[row["against"]], words.level(row["base"], row), *_change(row)] for row in rows],
    )
    yield from _meanings(rows)
    yield from _forests("Change from each, with 95% intervals", rows)


def guard(rows: Sequence[Row]) -> Iterator[Block]:
    """Non-inferiority: each change with its margin."""
    if not rows:
        yield Paragraph("There was no guard: whether general ability was kept is not known, so nothing is shipped.")
        return
    yield Paragraph(
        "Training for one thing can cost others. A line holds if its whole 95% interval is no worse than its margin, "
        "which was fixed before the run; lines without a margin are shown and do not decide. " + _counted(rows[0])
    )
    yield table(
        "General ability",
        "<Metric | Base | Tuned | Change | 95% interval | Margin | Items | Groups | <Verdict",
        [
            [
                words.metric(row["metric"]),
                words.level(row["base"], row),
                words.level(row["tuned"], row),
                words.change(row["diff"], row),
                words.interval(row),
                words.tolerated(row) if words.held(row) else "–",
                f"{row['n']:,}",
                f"{row['clusters']:,}",
                _HELD[words.held(row)],
            ]
            for row in rows
        ],
    )
    yield from _meanings(rows)
    yield from _forests("Change, 95% interval, margin (dashed)", rows)


def conversations(samples: Sequence[Row]) -> Iterator[Block]:
    """Each sample's prompt, and how each arm went on."""
    yield Paragraph(
        "Chosen by rule, not by hand: the first item on which tuned does better than the base, the first on which it "
        "does not, and the first one left."
        if samples[0].get("marks")
        else "The first held-out rows, with the reply that the data holds."
    )
    for sample in samples:
        turn = sample.get("turn")
        title = f"{sample['item_id']}, {_TURNS.get(turn, turn)}" if turn else str(sample["item_id"])
        replies = tuple(
            Said(words.ARMS.get(arm, arm), str(text), tuple(_checks((sample.get("marks") or {}).get(arm) or {})))
            for arm, text in sample["replies"].items()
        )
        yield Talk(title, _transcript(sample["prompt"]), replies)


def _scenario_table(rows: Sequence[Row], few_shot: Mapping[str, Row]) -> Table:
    found = []
    for row in rows:
        prompted = few_shot.get(row["metric"])
        middle: list[str | Cell] = [words.level(prompted["base"] if prompted else None, row)] if few_shot else []
        found.append([words.metric(row["metric"]), words.level(row["base"], row), *middle, *_change(row)])
    head = " | Base, 2 examples" if few_shot else ""
    caption = "Tuned against the base"
    return table(caption, f"<Metric | Base{head} | Tuned | Change | 95% interval | Items | Groups | <Tuned is", found)


def _few_shot_table(rows: Sequence[Row]) -> Table:
    return table(
        "Tuned against the base with 2 examples",
        "<Metric | Base, 2 examples | Tuned | Change | 95% interval | Items | Groups | <Tuned is",
        [[words.metric(row["metric"]), words.level(row["base"], row), *_change(row)] for row in rows],
    )


def _change(row: Row) -> list[str | Cell]:
    verdict = str(row.get("verdict") or "undecided")
    return [
        words.level(row["tuned"], row),
        words.change(row["diff"], row),
        words.interval(row),
        f"{row['n']:,}",
        f"{row['clusters']:,}",
        Cell(words.VERDICTS[verdict].lower(), _TONES[verdict]),
    ]


def _counted(row: Row) -> str:
    items = words.plural(row["n"], "item")
    if row["n"] == row["clusters"]:
        return f"{items}, each a group of its own."
    groups = words.plural(row["clusters"], "group")
    return f"{items} in {groups}: items of a group are alike, so intervals are computed over groups."


def _meanings(rows: Sequence[Row]) -> Iterator[Block]:
    known = dict.fromkeys(row["metric"] for row in rows)
    items = tuple(f"{words.metric(name)}: {meaning}." for name in known if (meaning := words.meaning(name)))
    if items:
        yield Points(items)


def _forests(caption: str, rows: Sequence[Row]) -> Iterator[Figure]:
    """A plot for each unit: they have no axis in common."""
    for unit in words.UNITS:
        own = [row for row in rows if words.unit(row) == unit]
        if own:
            spoken = "; ".join(
                f"{words.label(row)} {words.change(row['diff'], row)}, {words.interval(row)}" for row in own
            )
            yield Figure(caption, plots.forest(own), spoken)


def _levels_in_words(row: Row, prompted: Row | None) -> str:
    middle = f", base with two examples {words.level(prompted['base'], row)}" if prompted else ""
    levels = f"base {words.level(row['base'], row)}{middle}, tuned {words.level(row['tuned'], row)}"
    return f"{words.metric(row['metric'])}: {levels}"


def _checks(marks: Mapping[str, Any]) -> Iterator[Check]:
    for name, mark in marks.items():
        passed, reason = (mark["passed"], mark["reason"]) if isinstance(mark, Mapping) else (bool(mark), "")
        yield Check(name.replace("_", " "), passed, str(reason))


def _transcript(prompt: str | Sequence[Mapping[str, Any]]) -> str:
    if isinstance(prompt, str):
        return prompt
    return "\n".join(f"{m['role'].capitalize()}: {said_in(m)}" for m in prompt if m["role"] != "system")


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]
