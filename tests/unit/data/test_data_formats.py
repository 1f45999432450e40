"""Every format ends in the same rows; what is malformed is named with file and line."""

import json

import pytest

from danlu.data.formats import detect, read, read_all, unread_keys
from danlu.errors import DataError

U, A = {"role": "user", "content": "Is it open?"}, {"role": "assistant", "content": "From nine."}
S = {"role": "system", "content": "Be short."}
PAIR = (U, A)


@pytest.fixture
def write(tmp_path):
    def writer(name, content):
        path = tmp_path / name
        if isinstance(content, list):
            content = "".join(json.dumps(row) + "\n" for row in content)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return writer


def rows(path, format="auto"):
    return list(read(path, format, "mine"))


SAME = {
    "messages.jsonl": ("messages", [{"messages": [U, A]}]),
    "bare.jsonl": ("messages", [[U, A]]),
    "array.json": ("messages", json.dumps([{"messages": [U, A]}], indent=2)),
    "array-of-lists.json": ("messages", json.dumps([[U, A]])),
    "conversation.jsonl": ("messages", [{"conversation": [U, A]}]),
    "conversations.jsonl": ("messages", [{"conversations": [U, A]}]),
    "parts.jsonl": (
        "messages",
        [
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "text", "text": "Is it "}, {"type": "text", "text": "open?"}],
                    },
                    A,
                ]
            }
        ],
    ),
    "nulls.jsonl": ("messages", [{"messages": [U | {"tool_calls": None, "name": None}, A | {"weight": 1}]}]),
    "sharegpt.jsonl": (
        "sharegpt",
        [{"conversations": [{"from": "human", "value": "Is it open?"}, {"from": "gpt", "value": "From nine."}]}],
    ),
    "alpaca.json": ("alpaca", json.dumps([{"instruction": "Is it open?", "input": "", "output": "From nine."}])),
    "prompt.jsonl": ("prompt-completion", [{"prompt": "Is it open?", "completion": "From nine."}]),
    "response.jsonl": ("prompt-completion", [{"prompt": "Is it open?", "response": "From nine."}]),
    "question.jsonl": ("prompt-completion", [{"question": "Is it open?", "answer": "From nine."}]),
    "trl.jsonl": ("prompt-completion", [{"prompt": [U], "completion": [A]}]),
    "comma.csv": ("csv", "Question,Answer\nIs it open?,From nine.\n"),
    "semicolon.csv": ("csv", "\ufeffprompt;completion\r\nIs it open?;From nine.\r\n;\r\n"),
    "tab.tsv": ("csv", "instruction\toutput\nIs it open?\tFrom nine.\n"),
    "cells.csv": ("csv", 'id,messages\n1,"' + json.dumps([U, A]).replace('"', '""') + '"\n'),
    "named.txt": ("messages", [{"messages": [U, A]}]),
}


@pytest.mark.parametrize("name", SAME)
def test_one_dialogue_in_every_format_is_the_same_row(write, name):
    format, content = SAME[name]
    path = write(name, content)
    assert detect(path) == format
    (row,) = rows(path)
    assert row.messages == PAIR
    assert (row.row_id, row.source, row.text, row.tools) == ("mine:1", "mine", None, ())
    assert rows(path, format) == [row]


def test_parquet_is_read_by_its_columns(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"Question": ["Is it open?"], "Answer": ["From nine."]}), path)
    assert detect(path) == "prompt-completion"
    assert rows(path)[0].messages == PAIR
    pq.write_table(pa.table({"messages": [[U, A]]}), path)
    assert rows(path)[0].messages == PAIR
    assert rows(path)[0].where == f"{path}: row 1"


def test_system_history_and_input_become_turns(write):
    row = {
        "instruction": "Translate",
        "input": "Haus",
        "output": "house",
        "system": "Be short.",
        "history": [["Hi", "Hello"]],
    }
    (read_row,) = rows(write("a.jsonl", [row]))
    assert [m["role"] for m in read_row.messages] == ["system", "user", "assistant", "user", "assistant"]
    assert read_row.messages[3]["content"] == "Translate\n\nHaus"


def test_tool_calls_keep_their_arguments_as_an_object(write):
    call = {"id": "1", "type": "function", "function": {"name": "hours", "arguments": '{"day": "monday"}'}}
    talk = [
        U,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "9", "tool_call_id": "1"},
        A,
    ]
    tools = [{"type": "function", "function": {"name": "hours"}}]
    (row,) = rows(write("a.jsonl", [{"messages": talk, "tools": tools}]))
    assert row.messages[1]["tool_calls"][0]["function"]["arguments"] == {"day": "monday"}
    assert row.messages[1]["content"] == ""
    assert row.messages[2] == {"role": "tool", "content": "9", "tool_call_id": "1"}
    assert row.tools == tuple(tools)


def test_a_text_file_is_one_document_and_jsonl_one_a_line(write):
    (row,) = rows(write("book.md", "# One\r\n\r\nTwo\r\n"))
    assert row.text == "# One\n\nTwo\n"
    assert [r.text for r in rows(write("docs.jsonl", [{"text": "a"}, {"text": "b"}]))] == ["a", "b"]


def test_places_are_lines_also_over_blank_lines_and_quoted_breaks(write):
    path = write("a.jsonl", json.dumps({"messages": [U, A]}) + "\n\n" + json.dumps({"messages": [U, A]}) + "\n")
    assert [row.where for row in rows(path)] == [f"{path}:1", f"{path}:3"]
    path = write("a.csv", 'prompt,completion\n"one\ntwo",x\ny,z\n')
    assert [row.where for row in rows(path)] == [f"{path}:2", f"{path}:4"]


def test_keys_that_nothing_reads_can_be_shown(write):
    path = write("a.jsonl", [{"question": "q", "answer": "a", "context": "c", "id": 1, "empty": ""}])
    assert unread_keys(path, "auto") == ["context", "id"]


def turns(*roles):
    return {"messages": [{"role": role, "content": "x"} for role in roles]}


BAD = {
    "missing key": ([{"foo": 1, "bar": 2}], ":1: no known format; the row has the keys foo, bar"),
    "pairs": ([{"prompt": "a", "chosen": "b", "rejected": "c"}], "preference pairs"),
    "not json": ("{oops\n", ":1: not valid JSON"),
    "second not json": (json.dumps(turns("user", "assistant")) + "\n{\n", ":2: not valid JSON"),
    "over several lines": (json.dumps(turns("user", "assistant"), indent=1), "over several lines"),
    "mixed": (
        [turns("user", "assistant"), {"prompt": "a", "completion": "b"}],
        ":2: this row is written as prompt-completion",
    ),
    "swapped": (
        [turns("user", "assistant"), turns("assistant", "user")],
        "assistant's reply at the end. Are the roles swapped?",
    ),
    "swapped opener": (
        [turns("user", "assistant"), turns("assistant", "user", "assistant")],
        ":2: the dialogue opens with the assistant",
    ),
    "two user turns": ([turns("user", "user", "assistant")], ":1: message 1: a user turn after a user turn"),
    "ends with user": ([turns("user", "assistant", "user")], ":1: the dialogue ends with a user turn"),
    "only system": ([turns("system")], "the dialogue ends with no turn"),
    "late system": ([turns("user", "system", "assistant")], "a system message may only be the first"),
    "tool first": ([turns("user", "tool", "assistant")], "a tool turn after a user turn"),
    "role": ([turns("user", "bot")], "role 'bot' is unknown"),
    "no role": ([{"messages": [{"content": "x"}]}], ":1: message 0: has no role"),
    "no content": ([{"messages": [U, {"role": "assistant"}]}], ":1: message 1: content must be text; it is missing"),
    "empty reply": ([{"messages": [U, A | {"content": " "}]}], ":1: message 1: content is empty"),
    "weight": ([{"messages": [U, A | {"weight": 0}]}], '"weight": 0 would leave this turn out of the loss'),
    "function call": ([{"messages": [U, A | {"function_call": {}}]}], "function_call is the older form"),
    "image": ([{"messages": [{"role": "user", "content": [{"type": "image_url"}]}, A]}], "'image_url'"),
    "surrogate": ('{"prompt": "\\ud800", "completion": "x"}\n', "lone surrogate"),
    "speaker": ([{"conversations": [{"from": "caller", "value": "x"}]}], "from is 'caller'"),
    "number": ([{"prompt": "a", "completion": 4}], "must both be text"),
    "empty": ("", "the file is empty"),
    "blank": ("\n \n", "the file is empty"),
    "empty array": ("[]", "no rows"),
    "scalar": ("[1]", "a row must be a JSON object"),
    "utf-16": ("hello".encode("utf-16"), "is UTF-16 text"),
    "latin-1": (
        json.dumps(turns("user", "assistant")).encode() + b'\n{"text": "caf\xe9"}\n',
        ":2: not UTF-8 text (byte 0xe9)",
    ),
    "gzip": (b"\x1f\x8b\x08", "compressed with gzip"),
    "excel": (b"PK\x03\x04", "an Excel workbook"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_answered_with_its_line_and_what_to_do(write, name):
    content, says = BAD[name]
    path = write("bad.jsonl", content)
    with pytest.raises(DataError) as raised:
        rows(path)
    assert says in str(raised.value)
    assert str(raised.value).startswith(str(path))


TABLES = {
    "columns": ("a,b\n1,2\n", ":1: the columns are a, b. danlu reads messages, or prompt and completion"),
    "headless": ("Is it open?;From nine.\n", ":1: the columns are is it open?, from nine."),
    "too many": ("prompt,completion\na,b\nc,d,e\n", ":3: 3 cells, but the header names 2 columns"),
    "unclosed": ('prompt,completion\na,b\nc,"d\ne,f\n', ":3: this row cannot be read as CSV"),
    "empty cell": ("prompt,completion\na,\n", ":2: completion is empty"),
    "only a header": ("prompt,completion\n", "no rows"),
    "twice": ("prompt,completion,prompt\na,b,c\n", ":1: the header names a column twice"),
    "cell": ("messages\n[{]\n", ":2: messages is text that is not valid JSON"),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_bad_table_is_answered_with_its_line_and_columns(write, name):
    content, says = TABLES[name]
    path = write("bad.csv", content)
    with pytest.raises(DataError) as raised:
        rows(path)
    assert str(path) + says in str(raised.value) or says in str(raised.value)


def test_what_is_no_data_file_is_named(tmp_path, write):
    with pytest.raises(DataError, match="no such file"):
        detect(tmp_path / "none.jsonl")
    with pytest.raises(DataError, match="is a folder"):
        detect(tmp_path)
    with pytest.raises(DataError, match="not a kind of file"):
        detect(write("a.bin", "hello"))
    with pytest.raises(DataError, match="not a readable Parquet file"):
        rows(write("a.parquet", b"PAR1nonsense"))


def test_a_format_that_was_named_is_not_replaced_by_another(write):
    path = write("a.jsonl", [{"prompt": "a", "completion": "b", "text": "t"}])
    assert rows(path, "text")[0].text == "t"
    with pytest.raises(DataError, match=r":1: written as prompt-completion, not as .*Set format"):
        rows(path, "alpaca")
    with pytest.raises(DataError, match=r"not a \.csv"):
        rows(path, "csv")


def test_all_complaints_of_a_file_come_at_once(write):
    path = write("a.jsonl", [turns("user", "assistant"), turns("user"), turns("user", "assistant"), turns("bot")])
    good, complaints = read_all(path, "auto", "mine")
    assert [row.row_id for row in good] == ["mine:1", "mine:3"]
    assert [str(c).split(": ")[0] for c in complaints] == [f"{path}:2", f"{path}:4"]


def test_dialogues_of_two_sources_may_open_differently(write):
    row = turns("assistant", "user", "assistant")
    path = write("a.jsonl", [turns("user", "assistant") | {"source": "faq"}, row | {"source": "calls"}])
    assert len(rows(path)) == 2
