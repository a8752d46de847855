"""The library: what goes in comes out, newest first; what is no library is one clear line."""

import sqlite3

import pytest

from whatchanged.config import AuditConfig
from whatchanged.errors import LibraryError, UsageError
from whatchanged.records import Message, Prompt
from whatchanged.report.model import ModuleChange, WeightsView
from whatchanged.search.library import (
    Intervention,
    Remembered,
    add_to_library,
    check_library,
    intervention,
    read_library,
)

HERE = Intervention(base="b", kind="adapter", modules=("q_proj@3", "v_proj@3"))
THERE = Intervention(base="c", kind="+system")
PROMPTS = [Prompt.user(text, tags=("a",), source="builtin") for text in ("one", "two\n\x1b[31m", "Ünï", "<script>")]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "library with space? %41.sqlite"


def test_newest_first_and_only_the_words(path):
    add_to_library(path, HERE, PROMPTS[:2])
    turns = [Message(role="system", content="s"), *(Message(role="user", content=t) for t in "ab")]
    add_to_library(path, THERE, [Prompt(messages=tuple(turns))])
    kept = read_library(path)
    assert [k.prompt.text for k in kept] == ["a\nb", "one", "two\n\x1b[31m"]
    assert [k.under for k in kept] == [THERE, HERE, HERE]
    assert {(k.prompt.tags, k.prompt.source) for k in kept} == {((), "")}
    assert kept[0].prompt.messages == tuple(turns)
    assert read_library(path, most=1) == kept[:1]
    check_library(path)


def test_what_is_there_is_made_new_again_and_not_doubled(path):
    add_to_library(path, HERE, PROMPTS)
    add_to_library(path, HERE, [PROMPTS[2]])
    assert [k.prompt.text for k in read_library(path)] == [PROMPTS[i].text for i in (2, 0, 1, 3)]
    add_to_library(path, THERE, [PROMPTS[2]])
    assert len(read_library(path)) == 5


def test_nothing_is_made_by_looking(path):
    assert read_library(path) == []
    check_library(path)
    assert not path.exists()
    path.write_bytes(b"")
    assert read_library(path) == []
    add_to_library(path, HERE, PROMPTS)
    assert len(read_library(path)) == 4


def test_half_an_emoji_is_left_out(path):
    add_to_library(path, HERE, [Prompt.user("\ud83d"), PROMPTS[0]])
    assert [k.prompt.text for k in read_library(path)] == ["one"]


def foreign(path):
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE found (id INTEGER)")
    db.close()


def damaged(path):
    add_to_library(path, HERE, [Prompt.user("word " * 500 + str(n)) for n in range(40)])
    whole = path.read_bytes()
    path.write_bytes(whole[:5000] + b"\xff" * 4000 + whole[9000:])


def spoilt(column, value):
    def work(path):
        add_to_library(path, HERE, PROMPTS)
        with sqlite3.connect(path) as db:
            db.execute(f"UPDATE found SET {column} = ?", (value,))
        db.close()

    return work


def newer(path):
    add_to_library(path, HERE, PROMPTS)
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 2")
    db.close()


SPOILT = {
    "text": lambda path: path.write_text("prompt,kind\n" * 200),
    "folder": lambda path: path.mkdir(),
    "foreign": foreign,
    "damaged": damaged,
    "newer": newer,
    "no JSON": spoilt("prompt", "{"),
    "deep": spoilt("prompt", "[" * 15_000),
    "no messages": spoilt("prompt", '{"messages": []}'),
    "no user": spoilt("prompt", '{"messages": [{"role": "assistant", "content": "x"}]}'),
    "other keys": spoilt("under", '{"base": "b", "run": "rm"}'),
    "bytes": spoilt("prompt", b"\xff\xfe\x00"),
    "number": spoilt("prompt", 5),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_what_is_no_library_is_one_line(path, spoil):
    spoil(path)
    with pytest.raises(LibraryError, match=r"give another --library$") as caught:
        read_library(path)
    assert str(caught.value).startswith(f"library '{path}': ")
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, UsageError)


@pytest.mark.parametrize("name", ["text", "folder", "foreign", "newer"])
def test_nothing_is_written_into_what_is_no_library(path, name):
    SPOILT[name](path)
    before = path.read_bytes() if path.is_file() else None
    for refused in (lambda: check_library(path), lambda: add_to_library(path, HERE, PROMPTS)):
        with pytest.raises(LibraryError, match="give another --library"):
            refused()
    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(LibraryError, match="there is no folder"):
        check_library(tmp_path / "absent" / "library.sqlite")


def test_too_long_a_prompt_is_not_read(path):
    add_to_library(path, HERE, [Prompt.user("x" * 30_000), PROMPTS[0]])
    assert [k.prompt.text for k in read_library(path)] == ["one"]


def test_the_intervention_is_told_by_checkpoints_or_by_modifiers():
    class Base:
        weights_id = "w"

    def under(base, candidate, view=None):
        return intervention(AuditConfig(base=base, candidate=candidate), Base(), view)

    modules = tuple(ModuleChange(layer=n, module=m, relative=0.1) for n, m in ((3, "v_proj"), (None, "lm_head")))
    view = WeightsView(kind="adapter", confidence="certain", evidence="", relative=0.1, modules=modules)
    assert under("a", "b", view) == Intervention(base="w", kind="adapter", modules=("lm_head@-", "v_proj@3"))
    assert under("a", "a+system=Be brief.").kind == "+system"
    assert under("a+noise=0.1", "a+noise=0.1+system=x+quantize=int8").kind == "+quantize+system"
    assert under("a", "b+base=a") == Intervention(base="w")
    assert Remembered(prompt=PROMPTS[0], under=under("a", "b")).under.kind == ""
