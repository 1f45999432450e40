"""Which tokens are learned: masks, ends of turns, truncation, packing, thinking."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from silent import judge, material, ours, words
from silent.case import Case, Finding, Run
from silent.cases_templates import DROPS
from silent.words import Seen

if TYPE_CHECKING:
    from danlu.tokens import Document

END = "<|im_end|>"
CLOSE = 2e-3  # nats


def replies(folder: Path) -> list[str]:
    """What should be supervised in the fixture's rows: each reply through its end."""
    import json

    rows = map(json.loads, (folder / "train.jsonl").read_text().splitlines())
    return sorted(m["content"] + END for row in rows for m in row["messages"] if m["role"] == "assistant")


def exactly(rows: list[Seen], wanted: list[str]) -> tuple[bool, str]:
    """Whether the rows supervise just these texts (a line break after an end is allowed)."""
    told = sorted(text.removesuffix("\n") for row in rows for text in row.supervised)
    empty = sum(not row.supervised for row in rows)
    said = f"{len(told)} of {len(wanted)} replies supervised, the first {words.shortly(told)}"
    return told == wanted, said + (f"; {empty} of {len(rows)} rows teach nothing" if empty else "")


def _plain(folder: Path) -> Finding:
    right, said = exactly(words.of_danlu(folder), replies(folder))
    return ours.proven(right, said, said)


SUMS = sorted(row["messages"][-1]["content"] + END for row in material.sums(12))

# A mark that is never met.

ASTRAY = material.CHATML.replace("message['role'] == 'assistant'", "message['role'] == 'model'")


def _astray_fixture(folder: Path) -> None:
    material.fixture(folder, base={"template": ASTRAY})


# A dialogue without a reply among others.

SILENT = {"messages": [{"role": "user", "content": "Is anybody there?"}]}


def _unanswered_fixture(folder: Path) -> None:
    material.fixture(folder, [*material.sums(11), SILENT])


def _danlu_unanswered(folder: Path) -> Finding:
    from danlu.tokens import Renderer

    found = ours.refused(lambda: ours.build(folder))
    if found is None:
        return Finding("missed", "the row was taken")
    alone = ours.refused(lambda: Renderer.from_folder(folder / "base").train_rows(SILENT["messages"]), 1)
    return Finding("refused", found.said, None if alone is None else alone.refusal)


def _unanswered(rows: list[Seen]) -> tuple[bool, str]:
    empty = sum(not row.supervised for row in rows)
    return False, f"{len(rows)} of 12 rows reach the trainer, {empty} of them without a label"


# Answers that are cut off.


def _cut_fixture(folder: Path) -> None:
    rows = [material.dialogue("x" * 150 + f" {n}?", f"Answer {n}.") for n in range(12)]
    material.fixture(folder, rows, max_length=128)


def _lost(rows: list[Seen]) -> tuple[bool, str]:
    kept = sum(any("Answer" in text and END in text for text in row.supervised) for row in rows)
    return kept == 12, f"{kept} of 12 answers are left whole, in {len(rows)} rows"


def _danlu_too_long(folder: Path) -> Finding:
    found = ours.refused(lambda: ours.build(folder), 2)
    return ours.either(found, Finding("missed", "tokens were lost without a word"))


def _end_cut_fixture(folder: Path) -> None:
    names = "Ann Ben Cho Dev Eva Fay Gus Hal Ida Jon Kit Lee".split()
    rows = []
    for number, name in enumerate(names):
        others = ", ".join(names[number:] + names[:number]) if number % 2 else name
        rows.append(material.dialogue(f"Who comes after {name} on day {number}?", f"That will be {others}."))
    material.fixture(folder, rows, max_length=120)


def _ended(rows: list[Seen]) -> tuple[bool, str]:
    open_ended = sum(not row.text.rstrip("\n").endswith(END) for row in rows)
    return len(rows) == 12 and not open_ended, f"{len(rows)} of 12 rows, {open_ended} of them without their end"


# An end of turn that is never learned.

ENDLESS = material.CHATML.replace(
    "{{ message['content'] + '<|im_end|>' }}{% endgen", "{{ message['content'] }}{% endgen"
)


def _endless_fixture(folder: Path) -> None:
    material.fixture(folder, base={"template": ENDLESS})


def _danlu_endless(folder: Path) -> Finding:
    found = ours.refused(lambda: ours.build(folder), 4)
    return ours.either(found, Finding("missed", "replies without an end were taken"))


def _learns_ends(rows: list[Seen]) -> tuple[bool, str]:
    told = [text.rstrip("\n") for row in rows for text in row.supervised]
    ends = sum(text.endswith(END) for text in told)
    return bool(told) and ends == len(told), f"{ends} of {len(told)} supervised replies end in {END}"


def _padded_fixture(folder: Path) -> None:
    material.fixture(folder, base={"tokenizer": {"pad_token": END}})


# Labels shifted twice.


def _shift_fixture(folder: Path) -> None:
    material.fixture(folder, lr=1e-2)


def _danlu_shift(folder: Path) -> Finding:
    loss = ours.train(folder, "training.batch_tokens=100000", "training.epochs=5")[0]["loss"]
    rows = words.of_danlu(folder)
    return _shifted(loss, [(row.ids, row.labels) for row in rows], folder / "base")


def _peer_shift(run: Run) -> Finding:
    if found := judge.missing(run, "losses", "trained"):
        return found
    step = Run(available=True, batches=run.trained[:1])
    return _shifted(run.losses[0], [(row.ids, row.labels) for row in words.of_peer(step)], judge.base())


def _shifted(loss: float, rows: list[tuple[tuple[int, ...], tuple[int, ...]]], base: Path) -> Finding:
    once, twice = (
        [judge.summed_loss(base, ids, (*labels[more:], *[-100] * more)) for ids, labels in rows] for more in (0, 1)
    )
    right, wrong = (sum(total for total, _ in sums) / sum(count for _, count in sums) for sums in (once, twice))
    said = f"first loss {loss:.4f}; labels shifted once give {right:.4f}, twice {wrong:.4f}"
    return ours.proven(abs(loss - right) < CLOSE and abs(right - wrong) > 2 * CLOSE, said, said)


# Packing.


def _packed_fixture(folder: Path) -> None:
    material.fixture(folder, material.sums(16), packing=True, max_length=512, batch_size=1)


def _danlu_leak(folder: Path) -> Finding:
    import torch

    from danlu.model import load
    from danlu.tokens import Document
    from danlu.training.batches import MicroBatch

    first, *others = _pack(folder)
    decoder = load(folder / "base", torch.float32)
    altered = Document(first.ids[::-1].copy(), first.mask[::-1].copy(), first.source, first.row_id)
    told = sum(int(document.mask[1:].sum()) for document in others)
    found = []
    for document in (first, altered):
        micro = MicroBatch.of([document, *others])
        attend = micro.attention()
        found.append(decoder.hidden(micro.ids, attend.positions, attend)[micro.predicting][-told:])
    moved = float((found[0] - found[1]).abs().max())
    said = f"{len(others)} documents in a pack; another one before them moves what they compute by {moved:.0e}"
    return ours.proven(moved < 1e-5 and len(others) > 1, said, said)


def _pack(folder: Path) -> list[Document]:
    """The pack with the most documents."""
    shards = ours.build(folder)
    found: list[Document] = max((shards.pack(n) for n in range(len(shards))), key=len)
    return found


def _peer_leak(run: Run) -> Finding:
    if found := judge.missing(run):
        return found
    if run.leak is None:
        return Finding("not run here", "no packed row came")
    said = f"another first document moves the last hidden state of its pack by {run.leak:.1e}"
    return ours.proven(run.leak < 1e-5, said, said)


def _danlu_positions(folder: Path) -> Finding:
    from danlu.training.batches import MicroBatch

    pack = _pack(folder)
    micro = MicroBatch.of(pack)
    positions = micro.attention().positions[micro.predicting].tolist()
    wanted = [int(p) for document in pack for p in document.mask[1:].nonzero()[0]]
    said = f"{len(pack)} documents in a pack: {len(wanted)} tokens are predicted from their place in their own document"
    return ours.proven(positions == wanted and len(pack) > 1, said, f"positions {positions[:9]}, not {wanted[:9]}")


def _peer_positions(run: Run) -> Finding:
    if found := judge.missing(run, "batches"):
        return found
    ids, positions = run.batches[0]["input_ids"][0], run.batches[0]["position_ids"]
    begun = [i for i, token in enumerate(ids) if token == 1 and words.spell(ids[i + 1 : i + 5]) == "user"]
    if len(begun) < 2:
        return Finding("not run here", "no packed row came")
    if positions is None:
        return Finding(
            "missed", f"{len(begun)} documents in a row, and no position_ids: they run on through all of them"
        )
    places = [positions[0][i] for i in begun]
    said = f"{len(begun)} documents in a row begin at positions {places}"
    return ours.proven(not any(places), said, said)


# Thinking.

THINKING = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['role'] == 'assistant' %}{% generation %}"
    "{% if loop.last and message['reasoning_content'] %}{{ '(' + message['reasoning_content'] + ') ' }}{% endif %}"
    "{{ message['content'] + '<|im_end|>' }}{% endgeneration %}"
    "{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}{{ '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def _thinking_fixture(folder: Path) -> None:
    rows = []
    for number in range(12):
        row = material.dialogue(f"Add {number} and 1?", f"It is {number + 1}.", "And 2 more?", f"Then {number + 3}.")
        for turn, thought in ((1, "first thought"), (3, "second thought")):
            row["messages"][turn]["reasoning_content"] = f"{thought} {number}"
        rows.append(row)
    material.fixture(folder, rows, base={"template": THINKING})


def thought_as_served(rows: list[Seen]) -> tuple[bool, str]:
    """Each turn's thinking is learned where it is produced, and not seen by later turns."""
    told = [text for row in rows for text in row.supervised]
    first, second = (sum(f"({which} thought" in text for text in told) for which in ("first", "second"))
    seen_later = sum("(first thought" in row.text and "(second thought" in row.text for row in rows)
    said = f"of 12 dialogues, thinking is learned in {first} first and {second} last turns"
    return (first, second, seen_later) == (12, 12, 0), said + (f"; {seen_later} see it again" if seen_later else "")


def _danlu_thinking(folder: Path) -> Finding:
    right, said = thought_as_served(words.of_danlu(folder))
    return ours.proven(right, f"{said}, in a row each", said)


CASES = (
    Case(
        "completion-mask-masks-everything",
        "The marker of a reply is never met, so every label is masked: the loss is 0 or not a number, nothing learned.",
        "No token of a batch has a label.",
        1,
        "https://github.com/huggingface/trl/issues/1191",
        _astray_fixture,
        _plain,
        words.judged(lambda rows: exactly(rows, SUMS), "all labels", "-100", "no assistant"),
    ),
    Case(
        "row-without-a-supervised-token",
        "A dialogue without a reply counts as a row, and teaches nothing.",
        "A row whose labels are all −100, or that is gone.",
        1,
        "https://github.com/axolotl-ai-cloud/axolotl/pull/1731",
        _unanswered_fixture,
        _danlu_unanswered,
        words.judged(_unanswered, "no trainable", *DROPS),
    ),
    Case(
        "truncation-cuts-every-answer",
        "Prompts fill max_length, so truncation at the right leaves prompts alone.",
        "Batches without a label, or no rows at all.",
        2,
        "https://github.com/unslothai/unsloth/pull/11333",
        _cut_fixture,
        _danlu_too_long,
        words.judged(_lost, "truncat", "longer than", "too long", "exceed", *DROPS),
    ),
    Case(
        "truncation-cuts-the-end-of-turn",
        "Long replies lose their end, so a model learns to go on and on after them.",
        "The last token of a row is no end of turn.",
        2,
        "https://github.com/axolotl-ai-cloud/axolotl/pull/3068",
        _end_cut_fixture,
        _danlu_too_long,
        words.judged(_ended, "truncat", "longer than", "too long", "exceed", *DROPS),
    ),
    Case(
        "end-of-turn-not-supervised",
        "The template writes no end after a reply, or the mask leaves it out: the model never stops.",
        "Supervised replies that do not end in the end-of-turn token.",
        4,
        "https://github.com/axolotl-ai-cloud/axolotl/pull/1847",
        _endless_fixture,
        _danlu_endless,
        words.judged(_learns_ends, "eos_token", "eos token", "eot_token", "end of turn"),
    ),
    Case(
        "eos-equals-pad",
        "Padding is masked by its token's id, and that is the end of turn's: the end is never learned.",
        "Every end-of-turn token of a batch has the label −100.",
        4,
        "https://github.com/huggingface/trl/issues/976",
        _padded_fixture,
        _plain,
        words.judged(_learns_ends, "same as eos", "pad token"),
    ),
    Case(
        "labels-shifted-twice",
        "The collator shifts the labels and the model shifts them again: it learns the token after the next.",
        "The first loss is not the one reckoned by hand.",
        None,
        "https://github.com/huggingface/transformers/issues/47394",
        _shift_fixture,
        _danlu_shift,
        _peer_shift,
        frozenset({"losses"}),
    ),
    Case(
        "packing-without-document-masks",
        "Documents of one pack see one another, which they never do when served.",
        "Another first document changes what the others compute.",
        8,
        "https://github.com/huggingface/trl/issues/1230",
        _packed_fixture,
        _danlu_leak,
        _peer_leak,
        frozenset({"leak"}),
    ),
    Case(
        "positions-do-not-restart",
        "Positions run on through a pack, so a document is learned at places where it never stands when served.",
        "Position ids that begin at 0 once in a pack.",
        8,
        "https://github.com/hiyouga/LlamaFactory/pull/7318",
        _packed_fixture,
        _danlu_positions,
        _peer_positions,
    ),
    Case(
        "thinking-of-earlier-turns",
        "The template drops the thinking of earlier turns, so those turns are learned without any.",
        "Supervised first turns in which no thought stands.",
        None,
        "https://github.com/hiyouga/LlamaFactory/issues/8634",
        _thinking_fixture,
        _danlu_thinking,
        words.judged(thought_as_served, "prefix-preserving", "thinking", "reasoning"),
    ),
)
