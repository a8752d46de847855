import json

import pytest

from whatchanged.errors import PoolError
from whatchanged.pools.files import read_csv, read_jsonl, read_text


def _write(path, *lines):
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_jsonl_reads_every_key_with_tags_and_source(tmp_path):
    path = _write(
        tmp_path / "p.jsonl",
        '{"text": "one", "category": "a/b", "tags": ["x", "a/b"]}',
        "",
        '{"prompt": "two", "tags": "x, y", "source": "mine"}',
        '{"input": "three\u2028still three"}',
        '{"text": "rendered", "messages": [{"role": "user", "content": "four"}]}',
    )
    one, two, three, four = read_jsonl(path)
    assert (one.text, one.tags, one.source) == ("one", ("a/b", "x"), "p.jsonl")
    assert (two.text, two.tags, two.source) == ("two", ("x", "y"), "mine")
    assert three.text == "three\u2028still three"
    assert four.text == "four"


def test_jsonl_messages_lose_the_trailing_answer_only(tmp_path):
    roles = ["developer", "user", "assistant", "user", "assistant"]
    turns = zip(roles, ["Be kind.", "Hi", "Hello", "Bye", "See you!"], strict=True)
    messages = [{"role": role, "content": content} for role, content in turns]
    messages[3]["content"] = [{"type": "text", "text": "Bye"}, {"type": "text", "text": "now"}]
    (prompt,) = read_jsonl(_write(tmp_path / "p.jsonl", json.dumps({"messages": messages})))
    assert [m.role for m in prompt.messages] == ["system", "user", "assistant", "user"]
    assert prompt.messages[-1].content == "Bye\nnow"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "nested"),
        ("3", "not a JSON object"),
        ('{"question": "?"}', "nothing under 'messages' or 'prompt' or 'text' or 'input'"),
        ('{"text": "  "}', "nothing under"),
        ('{"text": 3}', "3 is no text"),
        ('{"text": "\\ud800"}', "surrogate"),
        ('{"text": "a", "tags": {"a": 1}}', "tags must be"),
        ('{"messages": []}', "no user message"),
        ('{"messages": [{"role": "assistant", "content": "a"}]}', "no user message"),
        ('{"messages": [{"role": "tool", "content": "a"}]}', "no message with a role"),
        ('{"messages": [{"role": "user", "content": ""}]}', "an empty user message"),
        ('{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}', "only text"),
    ],
)
def test_jsonl_names_the_malformed_line(tmp_path, line, reason):
    path = _write(tmp_path / "p.jsonl", '{"text": "fine"}', "", line)
    with pytest.raises(PoolError) as caught:
        read_jsonl(path)
    message = str(caught.value)
    assert message.startswith(f"pool {path} line 3: ")
    assert reason in message
    assert "\n" not in message


def test_csv_reads_quoted_texts_tags_and_falls_back_to_the_filled_column(tmp_path):
    path = tmp_path / "p.csv"
    path.write_bytes('\ufeffprompt,text,tags\r\n"a, b\r\n\r\nc",,"x,y"\r\n,second,\r\n'.encode())
    first, second = read_csv(path)
    assert (first.text.split(), first.tags) == (["a,", "b", "c"], ("x", "y"))
    assert (second.text, second.tags, second.source) == ("second", (), "p.csv")


@pytest.mark.parametrize(
    ("lines", "where", "reason"),
    [
        (["title,body", "a,b"], "line 1", "no column named prompt, text, input among title, body"),
        (["text", "fine", "a,b"], "line 3", "more cells"),
        (["text,tags", "fine,", ",x"], "line 3", "nothing under"),
        (["text", "fine", '"open', "more"], "line 3", "not CSV"),
    ],
)
def test_csv_names_the_malformed_line(tmp_path, lines, where, reason):
    path = tmp_path / "p.csv"
    path.write_text("\n".join(lines))
    with pytest.raises(PoolError) as caught:
        read_csv(path)
    assert str(caught.value).startswith(f"pool {path} {where}: ")
    assert reason in str(caught.value)


def test_text_is_one_prompt_a_line(tmp_path):
    prompts = read_text(_write(tmp_path / "p.txt", "  eins ", "", "zwei\r"))
    assert [p.text for p in prompts] == ["eins", "zwei"]


@pytest.mark.parametrize("reader", [read_jsonl, read_csv, read_text])
def test_missing_empty_folder_and_other_encodings_are_pool_errors(tmp_path, reader):
    empty = tmp_path / "empty"
    empty.write_text("\n")
    latin = tmp_path / "latin"
    first = b'{"text": "a"}' if reader is read_jsonl else b"text"
    latin.write_bytes(first + b"\ncaf\xe9\n")
    for path, reason in [
        (tmp_path / "nowhere", "no such file"),
        (empty, "holds no prompts"),
        (tmp_path, "directory"),
        (latin, "line 2: not UTF-8"),
    ]:
        with pytest.raises(PoolError, match=reason):
            reader(path)
