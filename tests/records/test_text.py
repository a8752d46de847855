"""Prompts are known by their words."""

import pytest
from pydantic import ValidationError

from whatchanged.records import Message, Pair, Prompt, Response


def test_id_never_changes() -> None:
    # Written in run directories and in the split of pools: a new value would break both.
    assert Prompt.user("What is the capital of France?").id == "6ae9fbf27cddf27e"


def test_id_is_of_the_words_alone() -> None:
    plain = Prompt.user("Hello")
    assert Prompt.user("Hello", tags=("greeting",), source="pool").id == plain.id
    assert Prompt.model_validate_json(plain.model_dump_json()).id == plain.id


def test_id_tells_roles_and_turns_apart() -> None:
    one = Message(role="user", content="a")
    prompts = [
        Prompt(messages=(one,)),
        Prompt(messages=(Message(role="system", content="a"),)),
        Prompt(messages=(one, one)),
        Prompt.user("a\na"),
        Prompt.user('a", "user", "a'),
        Prompt.user("a "),
        Prompt.user("A"),
    ]
    assert len({prompt.id for prompt in prompts}) == len(prompts)


def test_id_is_sixteen_hex_digits() -> None:
    assert len(Prompt.user("é 你好 😀").id) == 16
    assert int(Prompt.user("é 你好 😀").id, 16) > 0


def test_text_is_what_the_user_said() -> None:
    turns = [("system", "S"), ("user", "one"), ("assistant", "A"), ("user", "two")]
    assert Prompt(messages=tuple(Message(role=r, content=c) for r, c in turns)).text == "one\ntwo"


def test_a_prompt_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Prompt.user("Hello").source = "elsewhere"  # type: ignore[misc]


@pytest.mark.parametrize(("split_at", "identical"), [(None, True), (0, False), (3, False)])
def test_a_pair_is_identical_when_it_never_parts(split_at: int | None, identical: bool) -> None:
    side = Response(prompt_id="p", draw=0, tokens=(1, 2), text="x", finished=True)
    assert Pair(prompt_id="p", draw=0, base=side, candidate=side, split_at=split_at).identical is identical
