"""Replies on disk: found again, told apart, damaged ones asked for again."""

import pytest

from whatchanged.endpoints import Ask, Position, Reply, ReplyStore
from whatchanged.endpoints.store import digest
from whatchanged.records import Message

ASK = Ask(messages=(Message(role="user", content="Wie geht's? 🙂"),), max_tokens=5)
REPLY = Reply(
    text="Gut.\0", positions=(Position(token="Gut", top={"Gut": -0.1, "�": -3.5}),), tokens_in=7, tokens_out=2, usd=0.25
)


def test_a_reply_comes_back_as_it_was(tmp_path):
    store = ReplyStore(tmp_path / "replies")
    key = digest("model", ASK)
    assert store.get(key) is None
    store.put(key, REPLY)
    assert ReplyStore(tmp_path / "replies").get(key) == REPLY
    assert dict(store.prices()) == {key: 0.25}
    assert [f.name for f in tmp_path.rglob("*") if f.is_file()] == [f"{key}.json"]


@pytest.mark.parametrize(
    "change",
    [{"draw": 1}, {"seed": 1}, {"temperature": 0.5}, {"max_tokens": 6}, {"top_logprobs": 1},
     {"messages": (Message(role="system", content="Wie geht's? 🙂"),)}],
)  # fmt: skip
def test_asks_that_differ_have_other_keys(change):
    assert digest("model", ASK.model_copy(update=change)) != digest("model", ASK)
    assert digest("model", ASK.model_copy()) == digest("model", ASK)
    assert digest("other", ASK) != digest("model", ASK)


@pytest.mark.parametrize("data", [b"", b"{", b"null", b'{"text": 3}', b"\xff"])
def test_a_damaged_file_counts_as_none(tmp_path, data):
    store = ReplyStore(tmp_path)
    store.put("abcd", REPLY)
    (tmp_path / "ab" / "abcd.json").write_bytes(data)
    assert store.get("abcd") is None
    assert list(store.prices()) == []
