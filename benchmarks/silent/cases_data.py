"""Files and rows: what is lost, swapped, doubled or broken on the way from a file to tokens."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from silent import judge, material, ours, words
from silent.case import Case, Finding, Run
from silent.cases_templates import DROPS, refuses
from silent.words import Seen


def count_of(rows: list[Seen], *texts: str) -> int:
    """Rows in which one of the texts stands."""
    return sum(any(text in row.text for text in texts) for row in rows)


def whole(wanted: int) -> Callable[[list[Seen]], tuple[bool, str]]:
    """Whether all rows of the file reach the trainer, each with something to learn."""

    def look(rows: list[Seen]) -> tuple[bool, str]:
        taught = sum(bool(row.supervised) for row in rows)
        return taught == wanted == len(rows), f"{taught} of the file's {wanted} rows reach the trainer"

    return look


# Swapped roles, swapped columns.


def _swapped_fixture(folder: Path) -> None:
    rows = [material.dialogue(*(m["content"] for m in row["messages"])) for row in material.sums(12)]
    for row in rows:
        for message in row["messages"]:
            message["role"] = {"user": "assistant", "assistant": "user"}[message["role"]]
    material.fixture(folder, rows)


def asks_nothing(rows: list[Seen]) -> tuple[bool, str]:
    """Whether the model is taught to answer, and not to ask what its users ask."""
    asked = sum(any("?" in text for text in row.supervised) for row in rows)
    return bool(rows) and not asked, f"the users' questions are learned in {asked} of {len(rows)} rows"


LONG = "That comes to {n}: first the tens are added, then the ones, and what is carried over goes to the tens at last."


def _columns_fixture(folder: Path) -> None:
    rows = [
        material.dialogue(LONG.format(n=n) + f" {said['messages'][1]['content']}", said["messages"][0]["content"])
        for n, said in enumerate(material.sums(24))
    ]
    material.fixture(folder, rows)


def _danlu_columns(folder: Path) -> Finding:
    rows = map(json.loads, (folder / "train.jsonl").read_text().splitlines())
    lines = [",".join(f'"{message["content"]}"' for message in row["messages"]) for row in rows]
    (folder / "train.csv").write_text("\n".join(["prompt,completion", *lines]) + "\n")
    source = {"name": "mine", "path": "train.csv", "licence": "own"}
    ours.recipe(folder, data={"sources": [source], "max_length": 512})
    said = ours.command(folder, "data", "build", "recipe.yaml", "--out", "data")
    told = [line for line in " ".join((said.out + said.err).split()).split("note ") if "swapped" in line]
    return (
        Finding("warned", told[0].partition("swapped?")[0] + "swapped?")
        if told
        else Finding("missed", "taken without a word")
    )


# Train and test.

STORY = "Ann has {a} pears and gives {b} of them to Ben before she walks home along the river with her dog"


def _stories(first: int, count: int) -> list[material.Row]:
    return [
        material.dialogue(
            STORY.format(a=n + 20, b=n) + f" number {n}. How many are left?", f"{20} are left, story {n}."
        )
        for n in range(first, first + count)
    ]


def _exact_fixture(folder: Path) -> None:
    held = _stories(3, 3)
    material.fixture(folder, [*material.sums(12), *held], evaluation=held)


def _near_fixture(folder: Path) -> None:
    held = _stories(3, 1)
    near = json.loads(json.dumps(held).replace("Ann", "Eva").replace("home", "back").replace("story 3", "I think"))
    material.fixture(folder, [*material.sums(12), *near], evaluation=held)


def apart(rows: list[Seen]) -> tuple[bool, str]:
    """Whether no row asks what the evaluation asks."""
    found = count_of(rows, "pears")
    return not found, f"{found} of {len(rows)} rows ask what the evaluation asks"


def _danlu_near(folder: Path) -> Finding:
    right, said = apart(words.of_danlu(folder))
    card = json.loads((folder / "data" / "card.json").read_text())
    removed = {step["name"]: step["removed"] for step in card["steps"] if step["removed"]}
    return ours.proven(right and "decontaminate" in removed, f"{said}; removed and written down: {removed}", said)


# Licence.


def _unlicensed(folder: Path) -> Finding:
    source = {"name": "mine", "path": "train.jsonl"}
    build = ours.refused(lambda: ours.build(folder, data={"sources": [source]}), 16)
    return ours.either(build, Finding("missed", "trained on data of nobody's"))


def _peer_unlicensed(run: Run) -> Finding:
    if found := judge.missing(run, "batches"):
        return found
    told = judge.told(run, "licence", "license")
    return Finding("warned", told) if told else Finding("missed", "trained; nobody asks whose the data is")


# Rows that say nothing, or say it in another form.


def _one(content: object) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        rows = material.sums(12)
        rows[5]["messages"][1]["content"] = content
        material.fixture(folder, rows)

    return write


def no_none(rows: list[Seen]) -> tuple[bool, str]:
    """Whether nobody is taught to say None."""
    said = count_of(rows, "None")
    taught = sum(bool("".join(row.supervised).removesuffix("\n").removesuffix("<|im_end|>")) for row in rows)
    return False, f"{taught} of 12 rows teach words; {said} say 'None'"


def _parts_fixture(folder: Path) -> None:
    rows = material.sums(12)
    for row in rows:
        asked = row["messages"][0]
        start, _, end = asked["content"].partition(", ")
        asked["content"] = [{"type": "text", "text": f"{start}, "}, {"type": "text", "text": end}]
    material.fixture(folder, rows)


def says_all(rows: list[Seen]) -> tuple[bool, str]:
    """Whether the words of both parts stand in the rows, and nothing of how they were written."""
    wanted = [row["messages"][0]["content"] for row in material.sums(12)]
    found = sum(any(f"\n{text}<|im_end|>" in row.text for row in rows) for text in wanted)
    said = f"{found} of 12 questions stand in the rows as they were meant"
    return found == 12, said + (f"; one row says {words.shortly([rows[0].text], 110)}" if rows and found < 12 else "")


def _danlu_says_all(folder: Path) -> Finding:
    right, said = says_all(words.of_danlu(folder))
    return ours.proven(right, said, said)


def _broken_fixture(folder: Path) -> None:
    material.fixture(folder)
    path = folder / "train.jsonl"
    lines = path.read_text().splitlines()
    lines[6] = lines[6][:-9]
    path.write_text("\n".join(lines) + "\n")


def _odd_fixture(folder: Path) -> None:
    rows = material.sums(12)
    rows[7]["messages"].append({"role": "user", "content": "Thanks!"})
    rows[8]["messages"].insert(0, {"role": "user", "content": "Hello."})
    material.fixture(folder, rows)


# Alpaca.


def _alpaca_fixture(folder: Path) -> None:
    material.fixture(folder)
    rows = [row["messages"] for row in material.sums(12)]
    given = [{"instruction": asked["content"], "input": "", "output": told["content"]} for asked, told in rows]
    given[3]["input"], given[4]["input"] = "Mind the carry.", "   "
    material.write_rows(folder / "alpaca.jsonl", given)


def _danlu_alpaca(folder: Path) -> Finding:
    source = {"name": "mine", "path": "alpaca.jsonl", "licence": "own"}
    blank = ours.refused(lambda: ours.build(folder, data={"sources": [source]}))
    path = folder / "alpaca.jsonl"
    path.write_text(path.read_text().replace('"   "', '""'))
    rows = words.of_danlu(folder, data={"sources": [source]})
    bare = sum("?<|im_end|>" in row.text for row in rows)
    joined = count_of(rows, "?\n\nMind the carry.<|im_end|>")
    said = f"an empty input leaves no trace in {bare} of 11 rows, the filled one is joined; a blank one is "
    right = (bare, joined) == (11, 1) and blank is not None
    return ours.proven(right, f"{said}refused: {blank.said if blank else ''}", f"{said}{blank}")


# Encodings.


def _windows_fixture(folder: Path) -> None:
    material.fixture(folder)
    path = folder / "train.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))


def clean_lines(rows: list[Seen]) -> tuple[bool, str]:
    """Whether a file of Windows' gives the rows of a file of Unix's."""
    stray = count_of(rows, "\ufeff", "\r")
    taught = sum(bool(row.supervised) for row in rows)
    return taught == 12 and not stray, f"{taught} of 12 rows, {stray} of them with marks of the file in their words"


def _danlu_windows(folder: Path) -> Finding:
    rows = words.of_danlu(folder)
    path = folder / "train.jsonl"
    path.write_bytes(path.read_bytes().removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n"))
    plain = words.of_danlu(folder)
    right, said = clean_lines(rows)
    same = sorted(row.ids for row in rows) == sorted(row.ids for row in plain)
    return ours.proven(right and same, f"{said}; the ids are those of the plain file", said)


def _mojibake_fixture(folder: Path) -> None:
    rows = material.sums(12)
    for number, text in ((2, "Das sind 412, schön und grün."), (9, "It’s 1,204, and that’s “all”.")):
        rows[number]["messages"][1]["content"] = text.encode().decode("cp1252", "ignore")
    material.fixture(folder, rows)


def unspoilt(rows: list[Seen]) -> tuple[bool, str]:
    """Whether no row says what a wrong decoder made of it."""
    spoilt = count_of(rows, "Ã", "â€")
    return not spoilt, f"{spoilt} of {len(rows)} rows say letters such as 'schÃ¶n', as they stand"


def _danlu_mojibake(folder: Path) -> Finding:
    right, said = unspoilt(words.of_danlu(folder))
    card = json.loads((folder / "data" / "card.json").read_text())
    removed = next(step["removed"] for step in card["steps"] if step["name"] == "clean")
    return ours.proven(right and bool(removed), f"{said}; removed and written down: {removed}", said)


CASES = (
    Case(
        "roles-swapped",
        "User and assistant are exchanged in the file: the model learns to ask, and never to answer.",
        "Questions among what is supervised.",
        None,
        "",
        _swapped_fixture,
        refuses(says="Are the roles swapped?"),
        words.judged(asks_nothing, "roles", *DROPS),
    ),
    Case(
        "columns-swapped",
        "Prompts and completions stand in each other's column.",
        "Replies that ask, and users who explain at length.",
        None,
        "",
        _columns_fixture,
        _danlu_columns,
        words.judged(asks_nothing, "swap", "roles"),
    ),
    Case(
        "test-rows-in-the-training-data",
        "Rows of the evaluation stand in the training data, so its score is memory.",
        "A training row that asks an evaluation's question.",
        14,
        "https://github.com/huggingface/datasets/issues/4261",
        _exact_fixture,
        lambda folder: ours.either(
            ours.refused(lambda: ours.build(folder, data={"decontaminate": {"action": "refuse"}}), 14),
            Finding("missed", "trained on its own evaluation"),
        ),
        words.judged(apart, "contamin", "duplicate", "overlap"),
    ),
    Case(
        "near-copies-of-test-rows",
        "Rows of the evaluation stand in the training data with a name or two changed.",
        "A training row that shares a long passage with an evaluation's question.",
        14,
        "https://github.com/z-lab/dflash/issues/43",
        _near_fixture,
        _danlu_near,
        words.judged(apart, "contamin", "duplicate", "overlap"),
    ),
    Case(
        "data-without-a-licence",
        "Nobody knows whose the data is, until the model has been shipped.",
        "No licence stands beside the data.",
        16,
        "https://github.com/huggingface/datasets/pull/2539",
        material.fixture,
        _unlicensed,
        _peer_unlicensed,
    ),
    Case(
        "empty-reply",
        "A reply is empty: the model learns to end its turn at once.",
        "A supervised turn that holds an end of turn alone.",
        None,
        "https://github.com/tatsu-lab/stanford_alpaca/issues/265",
        _one(""),
        refuses(says="content is empty"),
        words.judged(no_none, "empty", *DROPS),
    ),
    Case(
        "reply-is-null",
        "A reply is null, and the template writes the word None.",
        "'None' in a supervised turn.",
        None,
        "https://github.com/NVIDIA-NeMo/Megatron-Bridge/pull/5742",
        _one(None),
        refuses(says="content must be text; it is missing"),
        words.judged(no_none, "is null", "is none", *DROPS),
    ),
    Case(
        "content-in-parts",
        "A turn's content is a list of parts, which the template drops or writes as Python would.",
        "Braces and 'type' in the words of a turn, or no words.",
        None,
        "https://github.com/abetlen/llama-cpp-python/pull/2324",
        _parts_fixture,
        _danlu_says_all,
        words.judged(says_all, "content"),
    ),
    Case(
        "broken-line-of-jsonl",
        "A line is cut off, and the reader leaves it out.",
        "Fewer rows than lines.",
        None,
        "",
        _broken_fixture,
        refuses(says="train.jsonl:7: not valid JSON"),
        words.judged(whole(12), *DROPS),
    ),
    Case(
        "turns-out-of-order",
        "Two user turns in a row, or one at the end: such dialogues are dropped, or taught as they are.",
        "Fewer rows than dialogues, or turns that no chat has.",
        None,
        "https://github.com/hiyouga/LlamaFactory/issues/9600",
        _odd_fixture,
        refuses(says="train.jsonl:8: the dialogue ends with a user turn"),
        words.judged(lambda rows: (False, whole(12)(rows)[1] + ", two with turns that no chat has"), *DROPS),
    ),
    Case(
        "alpaca-with-an-empty-input",
        "An empty input leaves a heading or blank lines behind, which nobody types when the model is served.",
        "Line breaks after the instruction.",
        None,
        "https://github.com/axolotl-ai-cloud/axolotl/pull/936",
        _alpaca_fixture,
        _danlu_alpaca,
        "the peers are given dialogues here, as every case gives them",
    ),
    Case(
        "file-of-windows",
        "A byte-order mark and Windows' line ends get into the words of a row, or cost the first row.",
        "U+FEFF or carriage returns among the ids.",
        None,
        "https://github.com/huggingface/datasets/issues/8241",
        _windows_fixture,
        _danlu_windows,
        words.judged(clean_lines, "byte order", "encoding"),
    ),
    Case(
        "mojibake",
        "UTF-8 was read as Windows-1252 and saved again: the model learns to write Ã for ö.",
        "Ã and â€ in the words of a row.",
        None,
        "https://github.com/unicamp-dl/mMARCO/issues/24",
        _mojibake_fixture,
        _danlu_mojibake,
        words.judged(unspoilt, "encoding", "mojibake"),
    ),
)
