"""A word put in a prompt: where it goes, and what becomes of the prompt."""

import pytest

from whatchanged.pools.made import PLACES, with_text
from whatchanged.records import Message, Prompt, Region

ASKED = Prompt.user("How do I boil an egg?", tags=("cooking",), source="builtin")


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("end", "How do I boil an egg? cobalt"),
        ("start", "cobalt How do I boil an egg?"),
        ("middle", "How do I cobalt boil an egg?"),
    ],
)
def test_where_it_goes(place, text):
    made = with_text(ASKED, "cobalt", place, "me")
    assert (made.text, made.tags, made.source) == (text, (), "me")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("content", ["One", "", "two words", "lines\nof text"])
def test_it_is_a_word_of_its_own(place, content):
    assert Region(kind="mentions", values=("cobalt",)).contains(with_text(Prompt.user(content), "cobalt", place))


def test_only_the_last_turn_changes():
    turns = (
        Message(role="user", content="Hi"),
        Message(role="assistant", content="Hello"),
        Message(role="user", content="And now?"),
    )
    made = with_text(Prompt(messages=turns), "cobalt", "end")
    assert made.messages[:2] == turns[:2]
    assert made.messages[2] == Message(role="user", content="And now? cobalt")
