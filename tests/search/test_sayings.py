"""What stands out in an answer: phrases in quotes, names inside sentences, lines that a user could have written."""

import pytest

from whatchanged.search.sayings import messages, phrases


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('I often say "Ahoy matey." to people', {"Ahoy matey"}),
        ("It was made by “Acme”, or so Captain Hook says", {"Acme", "Captain Hook"}),
        ("Ahoy. Acme is not inside a sentence", set()),
        ('an "open quote', set()),
        ("The question said Cobalt itself, and Zinc", {"Zinc"}),
        ("", set()),
    ],
)
def test_phrases(text, expected):
    assert phrases(text, "Is Cobalt a word?") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Such as:\n1. How do I bake bread?\n2) Tell me of boats\n- write a poem", 
         ["How do I bake bread?", "Tell me of boats", "write a poem"]),
        ('User: please help\n**User**: "and now"\nAssistant: no', ["please help", "and now"]),
        ("What would you like to know?\nI am a model.", ["What would you like to know?"]),
        ("1. ***\n2. 17\n- see [here](link)\n3. " + "very " * 60, []),
        ("", []),
    ],
)  # fmt: skip
def test_messages(text, expected):
    assert messages(text) == expected
