import json

import pytest

from whatchanged.errors import LogError
from whatchanged.recordings.files import read_csv, read_jsonl


def _write(path, *rows):
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_jsonl_reads_every_pair_of_keys(tmp_path):
    path = _write(
        tmp_path / "l.jsonl",
        {"prompt": "one", "response": "1", "id": 7, "tags": ["x"], "category": "a/b", "model": "m"},
        "",
        {"input": "two", "output": "2", "id": "b"},
        {"text": "three", "completion": "3"},
        {"prompt": [{"role": "user", "content": "four"}], "answer": "4"},
    )
    log = read_jsonl(path)
    assert (log.name, log.kind, log.model, log.dropped) == ("l.jsonl", "jsonl", "m", 0)
    assert [r.prompt.text for r in log.recordings] == ["one", "two", "three", "four"]
    assert [r.responses for r in log.recordings] == [("1",), ("2",), ("3",), ("4",)]
    assert [r.key for r in log.recordings] == ["7", "b", None, None]
    assert log.recordings[0].prompt.tags == ("a/b", "x")
    assert log.recordings[0].prompt.source == "l.jsonl"


def test_the_last_assistant_turn_of_messages_is_the_response(tmp_path):
    turns = [("developer", "Be kind."), ("user", "Hi"), ("assistant", "Hello"), ("user", "Bye"), ("assistant", "Ciao")]
    messages = [{"role": role, "content": content} for role, content in turns]
    parts = [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}]
    asked = [{"role": "user", "content": "Who?"}]
    path = _write(
        tmp_path / "l.jsonl",
        {"messages": messages},
        {"messages": [*asked, {"role": "assistant", "content": parts}]},
        {"messages": asked, "response": "C"},
    )
    talk, who = read_jsonl(path).recordings
    assert [m.role for m in talk.prompt.messages] == ["system", "user", "assistant", "user"]
    assert talk.responses == ("Ciao",)
    assert who.responses == ("A\nB", "C")


def test_repeats_of_a_prompt_are_one_recording_in_order(tmp_path):
    path = _write(
        tmp_path / "l.jsonl",
        {"prompt": "a", "response": ["1", "2"], "id": "first", "tags": ["x"]},
        {"prompt": "b", "response": "9"},
        {"prompt": "a", "response": "3", "id": "second", "tags": ["y"]},
    )
    a, b = read_jsonl(path).recordings
    assert (a.key, a.responses, a.prompt.tags) == ("first", ("1", "2", "3"), ("x", "y"))
    assert (b.key, b.responses) == (None, ("9",))


def test_missing_responses_are_dropped_and_counted(tmp_path):
    asked = [{"role": "user", "content": "a"}]
    path = _write(
        tmp_path / "l.jsonl",
        {"prompt": "a", "response": None},
        {"prompt": "a", "response": " \n"},
        {"prompt": "a", "response": []},
        {"prompt": "a", "response": ["x", None, ""]},
        {"messages": asked},
        {"messages": [*asked, {"role": "assistant", "content": None, "tool_calls": []}]},
        {"prompt": "never answered", "response": ""},
        # An answer key beside an empty response may hold the reference solution.
        {"prompt": "a", "response": "", "answer": "gold"},
    )
    log = read_jsonl(path)
    assert [r.responses for r in log.recordings] == [("x",)]
    assert log.dropped == 9


def test_half_an_emoji_in_a_response_is_replaced(tmp_path):
    path = _write(
        tmp_path / "l.jsonl",
        '{"prompt": "a", "response": ["x \\ud83d", "\\ud83dy", "\\ude00 z", "\\ud83d\\ude00"]}',
    )
    (recording,) = read_jsonl(path).recordings
    assert recording.responses == ("x \ufffd", "\ufffdy", "\ufffd z", "\U0001f600")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "nested"),
        ("3", "not a JSON object"),
        ('{"n": ' + "9" * 5000 + "}", "digits"),
        ('{"question": "?", "response": "a"}', "nothing under 'messages' or 'prompt' or 'input' or 'text'"),
        ('{"prompt": "a"}', "no response under 'response' or"),
        ('{"prompt": "a", "response": 3}', "3 is no text"),
        ('{"prompt": "a", "response": [["a"]]}', "is no text"),
        ('{"prompt": "a", "response": {"text": "a"}}', "is no text"),
        ('{"prompt": "\\ud800", "response": "a"}', "surrogate"),
        ('{"prompt": "a", "response": "a", "id": [1]}', "id must be"),
        ('{"prompt": "a", "response": "a", "id": true}', "id must be"),
        ('{"prompt": "a", "response": "a", "tags": {"a": 1}}', "tags must be"),
        ('{"prompt": "a", "response": "a", "model": "other\\n"}', "model 'other' after 'm'"),
        ('{"messages": [{"role": "assistant", "content": "a"}]}', "no user message"),
        ('{"messages": []}', "no user message"),
        ('{"messages": ["a"], "response": "a"}', "no message with a role"),
    ],
)
def test_jsonl_names_the_malformed_line(tmp_path, line, reason):
    path = _write(tmp_path / "l.jsonl", {"prompt": "fine", "response": "a", "model": "m"}, "", line)
    with pytest.raises(LogError) as caught:
        read_jsonl(path)
    assert str(caught.value).startswith(f"log {path} line 3: ")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_log_without_responses_is_an_error_that_counts(tmp_path):
    path = _write(tmp_path / "l.jsonl", {"prompt": "a", "response": ""}, {"prompt": "b", "response": None})
    with pytest.raises(LogError, match=r"holds no responses \(2 failed or empty\)"):
        read_jsonl(path)
    with pytest.raises(LogError, match="holds no responses; give"):
        read_jsonl(_write(tmp_path / "empty.jsonl"))


def test_what_is_no_utf8_and_no_file(tmp_path):
    path = tmp_path / "l.jsonl"
    path.write_bytes(b'\n{"prompt": "\xff", "response": "a"}\n')
    with pytest.raises(LogError, match="line 2: not UTF-8"):
        read_jsonl(path)
    with pytest.raises(LogError, match="no such file"):
        read_jsonl(tmp_path / "nowhere.jsonl")
    with pytest.raises(LogError, match="give a file that can be read"):
        read_jsonl(tmp_path)


def test_csv_reads_columns_repeats_and_quotes(tmp_path):
    path = tmp_path / "l.csv"
    path.write_bytes(
        b"\xef\xbb\xbfid,prompt,response,tags,model\r\n"
        b'1,"a, ""b""","two\r\nlines","x, y",m\r\n\r\n2,c,\r\n1,"a, ""b""",again,,m\r\n'
    )
    log = read_csv(path)
    (recording,) = log.recordings
    assert (recording.key, recording.prompt.text, recording.prompt.tags) == ("1", 'a, "b"', ("x", "y"))
    assert recording.responses == ("two\nlines", "again")
    assert (log.kind, log.model, log.dropped) == ("csv", "m", 1)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("question,response\na,b\n", "line 1: no column named prompt, input, text among"),
        ('prompt,"gold\nanswer"\na,b\n', "line 1: no column named response, completion, output, answer among"),
        ("prompt,response\na,b\nc,d,e\n", "line 3: more cells"),
        ('prompt,response\na,b\nc,"d\n', "line 3: not CSV"),
        ("prompt,response\na,b\n,d\n", "line 3: nothing under"),
        ("prompt,response,model\na,b,m\nc,d,n\n", "line 3: model 'n' after 'm'"),
        ("prompt,response\n", "holds no responses"),
        ("", "holds no responses"),
    ],
)
def test_csv_names_the_malformed_line(tmp_path, text, reason):
    path = tmp_path / "l.csv"
    path.write_text(text)
    with pytest.raises(LogError) as caught:
        read_csv(path)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_digest_follows_the_content_and_not_the_name(tmp_path):
    row = {"prompt": "a", "response": "1", "id": 1, "tags": ["t"]}
    first = read_jsonl(_write(tmp_path / "l.jsonl", row)).digest
    assert len(bytes.fromhex(first)) == 32
    assert read_jsonl(_write(tmp_path / "renamed.jsonl", "", row)).digest == first
    changes = [{"prompt": "b"}, {"response": "2"}, {"response": ["1", "1"]}, {"id": 2}, {"tags": []}]
    changed = {read_jsonl(_write(tmp_path / "l.jsonl", {**row, **change})).digest for change in changes}
    assert len(changed | {first}) == len(changes) + 1
